import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import {
  type ImageTextDataset,
  type ImageTextItem,
  type ItemsOptions,
  randomPermutation,
  type SkippedItem,
} from '@blip2/data';
import { MAX_IMAGE_BYTES, type OpenOptions, type Split } from '../options.js';
import { chooser } from '../split.js';
import { createLookup, whyUnreadable } from './found.js';
import { type Gathered, gather } from './gather.js';
import type { RawList } from './record.js';

/** Files looked up at the same time. */
const AT_ONCE = 16;

/** What a data set of lists is made of. */
export interface ListedOptions extends OpenOptions {
  readonly name: string;
  /** Folder that no path or symbolic link may leave, and to which ids are relative. */
  readonly root: string;
  /** What the readers have left out already. */
  readonly skipped: SkippedItem[];
}

/**
 * Creates a data set of images that are listed in files: the lists are held in memory, the images stay on the disk. Each
 * image is looked up, not read.
 * @throws where there is no such split, or no image that can be used
 */
export async function listedDataset(lists: readonly RawList[], options: ListedOptions): Promise<ImageTextDataset> {
  const { name, root, skipped, maxImageBytes = MAX_IMAGE_BYTES, signal } = options;
  const report = (id: string, reason: string): void => void skipped.push({ id, reason });
  const gathered = await gather(wantedOf(lists, options.split), root, report);
  const unusable = (): Error => {
    const { id, reason } = skipped[0]!;
    const why = `${skipped.length} left out, the first '${id}': ${reason}`;
    return new Error(`The data set '${name}' has no image that can be used (${why}); check the path and the list.`);
  };
  if (gathered.length === 0 && skipped.length > 0) throw unusable();
  const named = lists.map(({ split }) => split).filter((split) => split !== undefined);
  const chosen = chooser(name, options, new Set([...named, ...gathered.map(({ split }) => split)]));
  const items = gathered.filter(({ id, split }) => chosen(id, split));
  const lookup = await createLookup(root, maxImageBytes);
  const kept: ImageTextItem[] = [];
  const digest = createHash('sha256');
  for (let at = 0; at < items.length; at += AT_ONCE) {
    signal?.throwIfAborted();
    const some = items.slice(at, at + AT_ONCE);
    const found = await Promise.all(some.map(({ path }) => lookup.find(path)));
    for (const [i, one] of some.entries()) {
      const file = found[i]!;
      if (typeof file === 'string') {
        report(one.id, file);
        continue;
      }
      kept.push(itemOf(one, maxImageBytes));
      digest.update(JSON.stringify([one.id, file.size, file.mtimeMs, one.captions, one.questions]));
    }
  }
  if (kept.length === 0 && items.length > 0) throw unusable();
  return {
    name,
    fingerprint: digest.digest('hex'),
    length: kept.length,
    items: (how = {}) => iterate(kept, skipped, how),
  };
}

/** The lists that hold a split, or from which a validation split is drawn. */
function wantedOf(lists: readonly RawList[], wanted: Split | undefined): readonly RawList[] {
  const drawn = wanted === 'validation' && !lists.some(({ split }) => split === 'validation');
  return lists.filter(({ split }) => !wanted || !split || split === wanted || (drawn && split === 'train'));
}

function itemOf({ id, path, captions, questions, imageId }: Gathered, maxBytes: number): ImageTextItem {
  return {
    id,
    captions,
    questions,
    ...(imageId !== undefined && { imageId }),
    read: (signal) => readImage(path, { id, maxBytes, signal }),
  };
}

interface ReadOptions {
  readonly id: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
}

async function readImage(path: string, { id, maxBytes, signal }: ReadOptions): Promise<Uint8Array> {
  signal?.throwIfAborted();
  try {
    const { size } = await stat(path); // it may have grown since it was looked up
    if (size > maxBytes) throw new Error(`the file has ${size} bytes, more than ${maxBytes}`);
    return await readFile(path, signal && { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`The image '${id}' cannot be read: ${whyUnreadable(error)}.`, { cause: error });
  }
}

async function* iterate(
  items: readonly ImageTextItem[],
  skipped: readonly SkippedItem[],
  { signal, onSkip, shuffle, shard = { rank: 0, size: 1 } }: ItemsOptions,
): AsyncGenerator<ImageTextItem> {
  checkShard(shard);
  const mine = (i: number): boolean => i % shard.size === shard.rank;
  for (const [i, one] of skipped.entries()) if (mine(i)) onSkip?.(one);
  const order = shuffle ? randomPermutation(items.length, shuffle.seed) : items.keys();
  let i = 0;
  for (const index of order) {
    signal?.throwIfAborted();
    if (mine(i++)) yield items[index]!;
  }
}

/** @throws for a rank that is none */
export function checkShard({ rank, size }: { readonly rank: number; readonly size: number }): void {
  if (!(Number.isInteger(size) && size >= 1 && Number.isInteger(rank) && rank >= 0 && rank < size)) {
    throw new Error(`There is no part ${rank} of ${size}; count ranks from zero, below the number of processes.`);
  }
}
