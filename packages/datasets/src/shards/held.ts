import { open } from 'node:fs/promises';
import type { ImageTextItem } from '@blip2/data';
import type { HttpOptions } from '../options.js';
import { downloadPart } from './http.js';
import type { Shard } from './pattern.js';
import type { Sample } from './samples.js';

/** A shard, as it was when the data set was opened. */
export interface OpenShard extends Shard {
  readonly size?: number | undefined;
  /** Time of the last change, or ETag. */
  readonly version?: string | number | undefined;
}

/** An item that holds the bytes of its image until they are released; then they are read from the shard again. */
export interface HeldItem {
  readonly item: ImageTextItem;
  release(): void;
}

/** Creates the item of a sample. */
export function holdItem(shard: OpenShard, sample: Sample, http: HttpOptions | undefined): HeldItem {
  const { key, captions, questions, imageId } = sample;
  const { offset, bytes } = sample.image;
  const size = bytes.length;
  const id = `${shard.name}/${key}`;
  let held: Uint8Array | undefined = bytes;
  return {
    item: {
      id,
      captions,
      questions,
      ...(imageId !== undefined && { imageId }),
      async read(signal) {
        signal?.throwIfAborted();
        if (held) return held;
        const from = offset as number;
        if (!shard.remote) return readPart(shard, { id, from, size });
        return downloadPart(shard.at, { ...http, signal, from, size, version: shard.version as string | undefined });
      },
    },
    release() {
      if (offset !== undefined) held = undefined;
    },
  };
}

/** Yields items, each of which is released when the next is asked for. */
export async function* releasing(items: AsyncIterable<HeldItem>): AsyncGenerator<ImageTextItem> {
  for await (const { item, release } of items) {
    try {
      yield item;
    } finally {
      release();
    }
  }
}

async function readPart(
  { at, version }: OpenShard,
  { id, from, size }: { readonly id: string; readonly from: number; readonly size: number },
): Promise<Uint8Array> {
  const failed = (why: string, cause?: unknown): Error =>
    new Error(`The image '${id}' cannot be read: ${why}.`, { cause });
  const handle = await open(at).catch((error: NodeJS.ErrnoException) => {
    throw failed(`its shard cannot be opened (${error.code})`, error);
  });
  try {
    if ((await handle.stat()).mtimeMs !== version) throw failed('its shard has changed; open the data set again');
    const bytes = new Uint8Array(size);
    for (let done = 0; done < size; ) {
      const { bytesRead } = await handle.read(bytes, done, size - done, from + done);
      if (bytesRead === 0) throw failed('its shard has become shorter');
      done += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}
