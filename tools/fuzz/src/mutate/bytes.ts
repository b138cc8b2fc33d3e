import type { Random } from './random.js';

/** Numbers at the edges of what a field of 1, 2, 4 or 8 bytes holds, little-endian. */
const extremes: readonly Uint8Array[] = [
  [0],
  [1],
  [127],
  [128],
  [255],
  [255, 255],
  [0, 0, 0, 0],
  [255, 255, 255, 127],
  [0, 0, 0, 128],
  [255, 255, 255, 255],
  [0, 0, 0, 0, 1, 0, 0, 0],
  [255, 255, 255, 255, 255, 255, 31, 0],
  [255, 255, 255, 255, 255, 255, 255, 255],
].map((bytes) => Uint8Array.from(bytes));

export const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** One to four small changes. `words` are pieces that mean something in the format, `other` an input to take parts from. */
export function mutateBytes(
  input: Uint8Array,
  random: Random,
  { words = [], other = input }: { words?: readonly Uint8Array[]; other?: Uint8Array } = {},
): Uint8Array {
  let bytes = input;
  for (let n = changes(random); n > 0; n--) bytes = change(bytes, random, words, other);
  return bytes;
}

/** One more often than not: a file that is wrong in many places is refused at the first. */
export const changes = (random: Random): number => (random.chance(0.6) ? 1 : 1 + random.int(4));

function change(bytes: Uint8Array, random: Random, words: readonly Uint8Array[], other: Uint8Array): Uint8Array {
  const at = random.chance(0.8) ? random.int(bytes.length + 1) : random.int(Math.min(bytes.length, 256) + 1);
  const put = (cut: number, piece: Uint8Array): Uint8Array =>
    join([bytes.subarray(0, at), piece, bytes.subarray(at + cut)]);
  const part = (of: Uint8Array): Uint8Array => {
    const from = random.int(of.length + 1);
    return of.subarray(from, from + random.int(64));
  };
  switch (random.int(8)) {
    case 0:
      return put(1, Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.int(8))));
    case 1:
      return put(1, Uint8Array.of(random.int(256)));
    case 2: {
      const edge = random.pick(extremes);
      return put(edge.length, edge);
    }
    case 3:
      return put(random.int(16), new Uint8Array());
    case 4:
      return put(0, part(bytes));
    case 5:
      return put(random.int(16), part(other));
    case 6:
      return words.length > 0 ? put(random.int(2), random.pick(words)) : put(0, Uint8Array.of(random.int(256)));
    default:
      return random.chance(0.2) ? bytes.subarray(0, at) : put(1, Uint8Array.of(((bytes[at] ?? 0) + 1) & 255));
  }
}
