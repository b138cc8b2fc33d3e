import { openSafetensors } from '@blip2/tensor/safetensors';
import { join, mutateBytes } from '../mutate/bytes.js';
import { mutateJson } from '../mutate/json.js';
import { type Target, Unsound } from '../target.js';

const words = [
  ...['dtype', 'shape', 'data_offsets', '__metadata__', 'weight_map', 'metadata', 'total_size', 'format', 'pt'],
  ...['F64', 'F32', 'F16', 'BF16', 'I64', 'I32', 'U8', 'BOOL', 'F8_E4M3', 'a', 'b', 'c', 'a.safetensors'],
];
const SHARDS = { 'a.safetensors': [['a', 'F32', 2]], 'b.safetensors': [['b', 'I64', 1]] } as const;

/** Headers of safetensors; an input that begins with a brace is an index of shards. */
export const safetensors: Target = {
  name: 'safetensors',

  async seeds() {
    const header = { __metadata__: { format: 'pt' }, ...entries(['a', 'F32', 6], ['b', 'BF16', 4], ['c', 'BOOL', 3]) };
    const shapes = entries(['x', 'F64', 0], ['y', 'F16', 1], ['z', 'I64', 2]);
    const map = { weight_map: { a: 'a.safetensors', b: 'b.safetensors' }, metadata: { total_size: 16 } };
    return [file(header), file(shapes), file({}), new TextEncoder().encode(JSON.stringify(map))];
  },

  mutate(input, random, other) {
    if (input[0] === 0x7b) return mutateJson(input, random, { words, other });
    const [header, data] = parts(input);
    if (header.length === 0 || random.chance(0.15)) return mutateBytes(input, random, { other });
    const changed = mutateJson(header, random, { words, other: parts(other)[0] });
    const rest = random.chance(0.1) ? mutateBytes(data, random) : data;
    return join([u64(random.chance(0.9) ? changed.length : random.int(1e6)), changed, rest]);
  },

  async run(input) {
    const source = await openSafetensors(input[0] === 0x7b ? folder(input) : input);
    try {
      for (const [name, { shape }] of source.names) {
        const values = await source.read(name);
        const count = shape.reduce((a, b) => a * b, 1);
        if (values.length !== count) throw new Unsound(`${name} has ${values.length} values instead of ${count}`);
      }
    } finally {
      await source.close();
    }
  },
};

type Entry = readonly [name: string, dtype: keyof typeof sizes, count: number];
const sizes = { F64: 8, F32: 4, I64: 8, F16: 2, BF16: 2, BOOL: 1 } as const;

function entries(...list: readonly Entry[]): object {
  let at = 0;
  return Object.fromEntries(
    list.map(([name, dtype, count]) => {
      const begin = at;
      at += sizes[dtype] * count;
      return [name, { dtype, shape: count % 2 === 0 ? [count / 2, 2] : [count], data_offsets: [begin, at] }];
    }),
  );
}

const u64 = (value: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);

function file(header: object): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const ends = Object.values(header).map((one: { data_offsets?: number[] }) => one.data_offsets?.[1] ?? 0);
  return join([u64(text.length), text, new Uint8Array(Math.max(0, ...ends))]);
}

function parts(input: Uint8Array): [header: Uint8Array, data: Uint8Array] {
  if (input.length < 8) return [new Uint8Array(), input];
  const length = Number(new DataView(input.buffer, input.byteOffset, 8).getBigUint64(0, true));
  return [input.subarray(8, 8 + length), input.subarray(8 + length)];
}

function folder(index: Uint8Array): Map<string, Uint8Array> {
  const shards = Object.entries(SHARDS).map(([name, list]) => [name, file(entries(...list))] as const);
  return new Map<string, Uint8Array>([['model.safetensors.index.json', index], ...shards]);
}
