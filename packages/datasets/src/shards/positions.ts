/** Where the content of a file lies in an archive. */
export interface Position {
  readonly offset: number;
  readonly size: number;
}

/** Finds where the contents of files lie, from the bytes of an archive as they pass. */
export interface Positions {
  /** Takes the bytes that follow those before. */
  push(chunk: Uint8Array): void;
  /** Returns the position of the next file, folder or link; undefined where its header has not passed. */
  next(): Position | undefined;
}

const BLOCK = 512;
const [TYPE, SIZE, SIZE_END] = [156, 124, 136];
/** Headers of what follows: of PAX, and long names of GNU. */
const META = 'xgLK';
/** Links, devices, folders and pipes have no content. */
const EMPTY = '123456';

/** Creates a finder of positions. Sizes in PAX headers, which files above 8 GB have, are not read: the next position is then wrong. */
export function findPositions(): Positions {
  const found: Position[] = [];
  const header = new Uint8Array(BLOCK);
  let filled = 0; // bytes of the header
  let left = 0; // bytes until the next header
  let at = 0;
  const take = (): void => {
    filled = 0;
    if (header.every((byte) => byte === 0)) return;
    const type = String.fromCharCode(header[TYPE]!);
    const size = EMPTY.includes(type) ? 0 : sizeIn(header);
    if (!META.includes(type)) found.push({ offset: at, size });
    left = Math.ceil(size / BLOCK) * BLOCK;
  };
  return {
    push(chunk) {
      for (let from = 0; from < chunk.length; ) {
        const wanted = left > 0 ? left : BLOCK - filled;
        const taken = Math.min(wanted, chunk.length - from);
        if (left > 0) left -= taken;
        else {
          header.set(chunk.subarray(from, from + taken), filled);
          filled += taken;
        }
        from += taken;
        at += taken;
        if (filled === BLOCK) take();
      }
    },
    next: () => found.shift(),
  };
}

/** The size in a header: octal digits, or a binary number where the first bit is set. */
function sizeIn(header: Uint8Array): number {
  const field = header.subarray(SIZE, SIZE_END);
  if (field[0]! & 0x80) return field.subarray(1).reduce((size, byte) => size * 256 + byte, field[0]! & 0x7f);
  const digits = /^ *([0-7]*)/.exec(Buffer.from(field).toString('latin1'))?.[1] ?? '';
  return Number.parseInt(digits || '0', 8);
}
