import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type ImageTextDataset, type ImageTextItem, type ItemsOptions, randomPermutation } from '@blip2/data';
import { hash } from '@blip2/tensor';
import { checkShard } from '../listed/dataset.js';
import { MAX_IMAGE_BYTES, type OpenOptions, type Report } from '../options.js';
import { chooser, splitOfName } from '../split.js';
import { download, probe } from './http.js';
import { findShards, type Shard } from './pattern.js';
import { isWanted, readSamples, type Sample } from './samples.js';
import { shuffled } from './shuffle.js';
import { BrokenArchive, readTar } from './tar.js';

/** Shards asked for at the same time. */
const AT_ONCE = 8;

/**
 * Opens WebDataset shards, local or by http, as a stream: a pass reads each shard once, from the start to the end.
 * @throws where a pattern names no shard, a shard is not there, or there is no such split
 */
export async function shardedDataset(
  name: string,
  patterns: readonly string[],
  options: OpenOptions,
): Promise<ImageTextDataset> {
  const all = await findShards(patterns, options.signal);
  const chosen = chooser(name, options, new Set(all.map((shard) => splitOfName(shard.name))));
  const split = options.split;
  const shards = all.filter(({ name: shard }) => {
    const own = splitOfName(shard) ?? 'train';
    return !split || own === split || (split === 'validation' && own === 'train' && options.validation !== undefined);
  });
  const digest = createHash('sha256').update(JSON.stringify([split, options.validation]));
  for (let at = 0; at < shards.length; at += AT_ONCE) {
    const some = shards.slice(at, at + AT_ONCE);
    const states = await Promise.all(some.map((shard) => stateOf(shard, options)));
    for (const [i, shard] of some.entries()) digest.update(JSON.stringify([shard.name, ...states[i]!]));
  }
  const isMine = ({ id }: ImageTextItem, shard: Shard): boolean => chosen(id, splitOfName(shard.name));
  return {
    name,
    fingerprint: digest.digest('hex'),
    items: (how = {}) => iterate(shards, { ...options, isMine }, how),
  };
}

async function stateOf({ at, remote }: Shard, { http, signal }: OpenOptions): Promise<readonly unknown[]> {
  signal?.throwIfAborted();
  if (remote) {
    const { size, version } = await probe(at, { ...http, signal });
    return [size ?? null, version ?? null];
  }
  const { size, mtimeMs } = await stat(at);
  return [size, mtimeMs];
}

interface Reading extends OpenOptions {
  readonly isMine: (item: ImageTextItem, shard: Shard) => boolean;
}

function iterate(shards: readonly Shard[], reading: Reading, options: ItemsOptions): AsyncIterable<ImageTextItem> {
  const { shuffle, shard: { rank, size } = { rank: 0, size: 1 } } = options;
  if (!shuffle) return part(shards, reading, options);
  const order = randomPermutation(shards.length, hash(shuffle.seed, 'shards'));
  const mixed = part(
    Array.from(order, (i) => shards[i]!),
    reading,
    options,
  );
  return shuffled(mixed, { seed: hash(shuffle.seed, `rank ${rank} of ${size}`), size: Math.max(1, shuffle.buffer) });
}

/** Whole shards for each process where there are enough of them, else items in turn. */
async function* part(
  shards: readonly Shard[],
  reading: Reading,
  { signal, onSkip, shard: { rank, size } = { rank: 0, size: 1 } }: ItemsOptions,
): AsyncGenerator<ImageTextItem> {
  checkShard({ rank, size });
  const whole = shards.length >= size;
  let count = 0;
  for (const [i, shard] of shards.entries()) {
    if (whole && i % size !== rank) continue;
    const report: Report = (id, reason) => {
      if (whole || rank === 0) onSkip?.({ id: `${shard.name}/${id}`, reason });
    };
    for await (const item of itemsOf(shard, reading, { signal, report })) {
      signal?.throwIfAborted();
      if (reading.isMine(item, shard) && (whole || count++ % size === rank)) yield item;
    }
  }
}

async function* itemsOf(
  shard: Shard,
  { columns, http, maxImageBytes = MAX_IMAGE_BYTES }: Reading,
  { signal, report }: { readonly signal: AbortSignal | undefined; readonly report: Report },
): AsyncGenerator<ImageTextItem> {
  signal?.throwIfAborted();
  const bytes = shard.remote
    ? download(shard.at, { ...http, signal })
    : (createReadStream(shard.at, {
        highWaterMark: 256 * 1024,
        ...(signal && { signal }),
      }) as AsyncIterable<Uint8Array>);
  let files = 0;
  const counted = (file: Parameters<typeof isWanted>[0]): boolean => {
    files++;
    return isWanted(file, maxImageBytes);
  };
  try {
    for await (const sample of readSamples(readTar(bytes, counted), { columns, maxImageBytes, report })) {
      yield itemOf(shard, sample);
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof BrokenArchive)) throw error;
    if (files === 0)
      throw new Error(`${shard.at} is not a tar file (${error.message}); download it again.`, { cause: error });
    report(`file ${files}`, `the rest of the shard cannot be read (${error.message}); download it again`);
  }
}

function itemOf({ name }: Shard, { key, image, captions, questions, imageId }: Sample): ImageTextItem {
  return {
    id: `${name}/${key}`,
    captions,
    questions,
    ...(imageId !== undefined && { imageId }),
    read: async (signal) => {
      signal?.throwIfAborted();
      return image;
    },
  };
}
