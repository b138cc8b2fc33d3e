import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { createTarDecoder } from 'modern-tar';
import { findPositions, type Positions } from './positions.js';

/** A file in an archive. */
export interface TarFile {
  readonly name: string;
  /** `file`, `directory`, `symlink`, ... */
  readonly type: string;
  readonly size: number;
  /** Its content; undefined where it was not wanted. */
  readonly bytes: Uint8Array | undefined;
  /** Where its content begins in the archive; undefined where that is not known, as in one that is compressed. */
  readonly offset?: number | undefined;
}

/** A file in an archive, before its content is read. */
export type TarEntry = Pick<TarFile, 'name' | 'type' | 'size'>;

/** An archive is damaged: what came before is good. */
export class BrokenArchive extends Error {}

/**
 * Yields the files of a tar archive, also of one that is compressed with gzip, as they arrive; holds one of them at a time.
 * @param wanted whether the content of a file is to be read
 * @throws BrokenArchive where the archive is damaged or ends too early; what reading `chunks` throws
 */
export async function* readTar(
  chunks: AsyncIterable<Uint8Array>,
  wanted: (file: TarEntry) => boolean,
): AsyncGenerator<TarFile> {
  let failure: { readonly error: unknown } | undefined;
  const source = watched(chunks, (error) => {
    failure = { error };
  });
  const { readable, writable } = createTarDecoder({ strict: true });
  const ended = new AbortController();
  let positions: Positions | undefined = findPositions();
  const feeding = feed(source, { writable, positions, signal: ended.signal }).catch(() => {}); // the reader has the error too
  const reader = readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const { header, body } = value;
      const file = { name: header.name, type: header.type ?? 'file', size: header.size };
      const position = positions?.next();
      if (file.type === 'file' && position?.size !== file.size) positions = undefined; // not to be trusted any more
      if (wanted(file)) yield { ...file, bytes: await collect(body), offset: positions && position?.offset };
      else {
        await body.cancel();
        yield { ...file, bytes: undefined };
      }
    }
  } catch (error) {
    if (failure) throw failure.error;
    throw new BrokenArchive(error instanceof Error ? error.message : String(error), { cause: error });
  } finally {
    ended.abort();
    await reader.cancel().catch(() => {});
    await feeding;
  }
}

interface Feeding {
  readonly writable: WritableStream<Uint8Array>;
  readonly positions: Positions;
  readonly signal: AbortSignal;
}

/** Writes bytes to the decoder, uncompressed where they begin as gzip does. */
async function feed(
  source: AsyncGenerator<Uint8Array, undefined>,
  { writable, positions, signal }: Feeding,
): Promise<void> {
  const writer = writable.getWriter();
  const write = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of chunks) {
      if (!isGzip) positions.push(chunk);
      await writer.write(chunk);
    }
    await writer.close();
  };
  let isGzip = false;
  try {
    const first = await source.next();
    const bytes = resumed(first, source);
    isGzip = !first.done && first.value[0] === 0x1f && first.value[1] === 0x8b;
    await (isGzip ? pipeline(bytes, createGunzip(), write, { signal }) : pipeline(bytes, write, { signal }));
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  }
}

/** Remembers an error, which comes out of streams changed. */
async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => void,
): AsyncGenerator<Uint8Array, undefined> {
  try {
    yield* chunks;
  } catch (error) {
    onError(error);
    throw error;
  }
  return undefined;
}

async function* resumed(
  first: IteratorResult<Uint8Array>,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

/** The parts are joined when they have come: a header alone allocates nothing. */
async function collect(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    parts.push(part);
    size += part.length;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
