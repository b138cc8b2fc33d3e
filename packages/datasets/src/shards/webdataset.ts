import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type ImageTextDataset, type ImageTextItem, type ItemsOptions, randomPermutation } from '@blip2/data';
import { hash } from '@blip2/tensor';
import { checkShard } from '../listed/dataset.js';
import { MAX_IMAGE_BYTES, type OpenOptions, type Report } from '../options.js';
import { chooser, splitOfName } from '../split.js';
import { type HeldItem, holdItem, type OpenShard, releasing } from './held.js';
import { download, probe } from './http.js';
import { findShards, type Shard } from './pattern.js';
import { isWanted, readSamples } from './samples.js';
import { shuffled } from './shuffle.js';
import { BrokenArchive, readTar, type TarEntry } from './tar.js';

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
  const open: OpenShard[] = [];
  for (let at = 0; at < shards.length; at += AT_ONCE) {
    open.push(...(await Promise.all(shards.slice(at, at + AT_ONCE).map((shard) => opened(shard, options)))));
  }
  for (const { name: shard, size = null, version = null } of open)
    digest.update(JSON.stringify([shard, size, version]));
  const isMine = ({ id }: ImageTextItem, shard: Shard): boolean => chosen(id, splitOfName(shard.name));
  return {
    name,
    fingerprint: digest.digest('hex'),
    items: (how = {}) => releasing(iterate(open, { ...options, isMine }, how)),
  };
}

async function opened(shard: Shard, { http, signal }: OpenOptions): Promise<OpenShard> {
  signal?.throwIfAborted();
  if (shard.remote) return { ...shard, ...(await probe(shard.at, { ...http, signal })) };
  const { size, mtimeMs } = await stat(shard.at);
  return { ...shard, size, version: mtimeMs };
}

interface Reading extends OpenOptions {
  readonly isMine: (item: ImageTextItem, shard: Shard) => boolean;
}

function iterate(shards: readonly OpenShard[], reading: Reading, options: ItemsOptions): AsyncIterable<HeldItem> {
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
  shards: readonly OpenShard[],
  reading: Reading,
  { signal, onSkip, shard: { rank, size } = { rank: 0, size: 1 } }: ItemsOptions,
): AsyncGenerator<HeldItem> {
  checkShard({ rank, size });
  const whole = shards.length >= size;
  let count = 0;
  for (const [i, shard] of shards.entries()) {
    if (whole && i % size !== rank) continue;
    const report: Report = (id, reason) => {
      if (whole || rank === 0) onSkip?.({ id: `${shard.name}/${id}`, reason });
    };
    for await (const held of itemsOf(shard, reading, { signal, report })) {
      signal?.throwIfAborted();
      if (reading.isMine(held.item, shard) && (whole || count++ % size === rank)) yield held;
    }
  }
}

async function* itemsOf(
  shard: OpenShard,
  { columns, http, maxImageBytes = MAX_IMAGE_BYTES }: Reading,
  { signal, report }: { readonly signal: AbortSignal | undefined; readonly report: Report },
): AsyncGenerator<HeldItem> {
  signal?.throwIfAborted();
  const bytes = shard.remote
    ? download(shard.at, { ...http, signal })
    : (createReadStream(shard.at, {
        highWaterMark: 256 * 1024,
        ...(signal && { signal }),
      }) as AsyncIterable<Uint8Array>);
  let files = 0;
  const counted = (file: TarEntry): boolean => {
    files++;
    return isWanted(file, maxImageBytes);
  };
  try {
    for await (const sample of readSamples(readTar(bytes, counted), { columns, maxImageBytes, report })) {
      yield holdItem(shard, sample, http);
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof BrokenArchive)) throw error;
    if (files === 0)
      throw new Error(`${shard.at} is not a tar file (${error.message}); download it again.`, { cause: error });
    report(`file ${files}`, `the rest of the shard cannot be read (${error.message}); download it again`);
  }
}
