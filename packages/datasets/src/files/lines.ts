import { createReadStream } from 'node:fs';

/** A line of a file. */
export interface Line {
  /** Counted from 1. */
  readonly number: number;
  /** Without its end; undefined where it is longer than allowed. */
  readonly text: string | undefined;
}

/** Bytes of a line at most. */
const LONGEST = 4_000_000;

/**
 * Yields the lines of a UTF-8 file, without a byte-order mark and without holding more than one of them. Bytes that are no
 * UTF-8 become U+FFFD.
 * @throws for a file in UTF-16
 */
export async function* readLines(path: string, signal?: AbortSignal): AsyncGenerator<Line> {
  let number = 0;
  let size = 0;
  let parts: Buffer[] = [];
  const end = (): Line => {
    number++;
    const text = size > LONGEST ? undefined : Buffer.concat(parts).toString('utf8').replace(/\r$/, '');
    parts = [];
    size = 0;
    return { number, text: number === 1 ? text?.replace(/^\uFEFF/, '') : text };
  };
  const keep = (part: Buffer): void => {
    size += part.length;
    if (size <= LONGEST) parts.push(part);
    else parts = [];
  };
  for await (const chunk of createReadStream(path, signal && { signal }) as AsyncIterable<Buffer>) {
    if (number === 0 && size === 0 && isUtf16(chunk)) throw new Error(`${path} is UTF-16; save it as UTF-8.`);
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      keep(chunk.subarray(from, at));
      yield end();
      from = at + 1;
    }
    if (from < chunk.length) keep(chunk.subarray(from));
  }
  if (size > 0) yield end();
}

const isUtf16 = ([first, second]: Buffer): boolean =>
  (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
