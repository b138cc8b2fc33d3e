/** Thrown when the given bytes end within a pickle; the file may have more of them. */
export class EndOfBytes extends Error {}

/** Reads a pickle's numbers and texts in sequence. */
export class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  readonly #latin1 = new TextDecoder('latin1');
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** Rounded beyond 2^53, where any length exceeds the bytes anyway. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }

  /** A copy. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  /** @throws for what is no UTF-8 */
  utf8(length: number): string {
    const start = this.#take(length);
    return this.#text.decode(this.#bytes.subarray(start, start + length));
  }

  /** A text of Python 2, one letter per byte. */
  latin1(length: number): string {
    const start = this.#take(length);
    return this.#latin1.decode(this.#bytes.subarray(start, start + length));
  }

  /** Up to the end of the line, but at most `longest` letters. */
  line(longest: number): string {
    const end = this.#bytes.subarray(this.at, this.at + longest + 1).indexOf(0x0a);
    if (end >= 0) {
      const text = this.latin1(end);
      this.at++;
      return text;
    }
    if (this.#bytes.length - this.at <= longest) throw new EndOfBytes();
    return this.latin1(longest);
  }

  /** @throws EndOfBytes where fewer are left */
  need(length: number): void {
    if (length > this.#bytes.length - this.at) throw new EndOfBytes();
  }

  #take(length: number): number {
    this.need(length);
    const start = this.at;
    this.at = start + length;
    return start;
  }
}
