/** Where the bytes at hand end although the file goes on: more of it must be read. */
export class NeedsMore extends Error {
  constructor(
    /** Bytes of the file that are needed at least. */
    readonly bytes: number,
  ) {
    super('more bytes are needed');
  }
}

/** Reads little-endian values from the beginning of a file. */
export interface Cursor {
  /** The next byte. */
  readonly at: number;
  u8(): number;
  u16(): number;
  u32(): number;
  /** A count of things that take `least` bytes each. @throws where the file cannot hold as many */
  count(what: string, least: number): number;
  /** 64 bits: a number where it is exact, else a bigint. */
  whole(signed: boolean): number | bigint;
  number(kind: 'i8' | 'i16' | 'i32' | 'f32' | 'f64'): number;
  bytes(length: number): Uint8Array;
}

/**
 * Creates a cursor over the first bytes of a file.
 * @param size bytes of the whole file
 * @param fail makes the error for what the file is too short for
 */
export function cursorOf(head: Uint8Array, size: number, fail: (problem: string) => Error): Cursor {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  let at = 0;
  const take = (length: number): number => {
    if (length > size - at) throw fail(`it ends within its header, at byte ${size}`);
    if (at + length > head.length) throw new NeedsMore(at + length);
    at += length;
    return at - length;
  };
  const whole = (signed: boolean): number | bigint => {
    const from = take(8);
    const value = signed ? view.getBigInt64(from, true) : view.getBigUint64(from, true);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  };
  return {
    get at() {
      return at;
    },
    u8: () => view.getUint8(take(1)),
    u16: () => view.getUint16(take(2), true),
    u32: () => view.getUint32(take(4), true),
    count(what, least) {
      const found = whole(false);
      if (typeof found === 'number' && found * least <= size - at) return found;
      throw fail(`it should have ${found} ${what}, more than its ${size} bytes can hold`);
    },
    whole,
    number(kind) {
      switch (kind) {
        case 'i8':
          return view.getInt8(take(1));
        case 'i16':
          return view.getInt16(take(2), true);
        case 'i32':
          return view.getInt32(take(4), true);
        case 'f32':
          return view.getFloat32(take(4), true);
        case 'f64':
          return view.getFloat64(take(8), true);
      }
    },
    bytes(length) {
      const from = take(length);
      return head.subarray(from, from + length);
    },
  };
}
