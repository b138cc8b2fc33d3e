import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheKey, type DecodedImage, type ImageTextItem, type SkippedItem } from '@blip2/data';
import type { Reporter } from '@blip2/runs';
import { defaultCacheDir } from '@blip2/tensor/files';
import type { ImagePlan } from './decode-job.js';
import type { DecodePool } from './decode-pool.js';

/** How the images of a data set are read. */
export interface ReadOptions {
  /** What messages call the images. */
  readonly name: string;
  /** Identifies the items: the data set's fingerprint, and which part of it they are. */
  readonly identity: unknown;
  readonly plan: ImagePlan;
  readonly pool: DecodePool;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** Which images can be decoded. */
export interface CheckedImages {
  /** Those that can, as indices of the items. */
  readonly kept: readonly number[];
  readonly skipped: readonly SkippedItem[];
}

/** Reads, decodes and transforms the image of an item. @throws for one that cannot be read or decoded */
export async function loadImage(
  item: ImageTextItem,
  seed: number,
  { plan, pool, signal }: Pick<ReadOptions, 'plan' | 'pool' | 'signal'>,
): Promise<DecodedImage> {
  return pool.decode({ bytes: await item.read(signal), plan, seed });
}

/** What an error says, in one line. */
export const reasonOf = (error: unknown): string =>
  String((error as Error | undefined)?.message ?? error).replace(/\s*\n\s*/g, ' ');

/** Images that are decoded at a time. */
const TOGETHER = 64;

/**
 * Decodes every image once, so that those which cannot be decoded are known before training; the result is kept on disk for
 * the next run.
 */
export async function checkImages(items: readonly ImageTextItem[], options: ReadOptions): Promise<CheckedImages> {
  const key = await cacheKey(options.identity, options.plan.orient, items.length);
  const path = join(defaultCacheDir(), 'checked', `${key.slice(0, 32)}.json`);
  const broken = (await readChecked(path)) ?? (await check(items, options));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.${process.pid}.tmp`, JSON.stringify([...broken]));
  await rename(`${path}.${process.pid}.tmp`, path);
  return {
    kept: items.flatMap((_, i) => (broken.has(i) ? [] : [i])),
    skipped: [...broken].map(([i, reason]) => ({ id: items[i]?.id ?? String(i), reason })),
  };
}

/** The images that cannot be decoded, by index, with the reason. */
async function check(items: readonly ImageTextItem[], options: ReadOptions): Promise<Map<number, string>> {
  const { name, reporter, signal } = options;
  const broken = new Map<number, string>();
  for (let first = 0; first < items.length; first += TOGETHER) {
    const some = items.slice(first, first + TOGETHER);
    const results = await Promise.allSettled(some.map((item) => loadImage(item, 0, options)));
    signal?.throwIfAborted();
    results.forEach((result, i) => {
      if (result.status === 'rejected') broken.set(first + i, reasonOf(result.reason));
    });
    reporter.progress(`checking ${name}`, first + some.length, items.length);
  }
  return broken;
}

async function readChecked(path: string): Promise<Map<number, string> | undefined> {
  try {
    const found = JSON.parse(await readFile(path, 'utf8')) as unknown;
    const isEntry = (one: unknown): one is [number, string] =>
      Array.isArray(one) && typeof one[0] === 'number' && typeof one[1] === 'string';
    return Array.isArray(found) && found.every(isEntry) ? new Map(found) : undefined;
  } catch {
    return undefined;
  }
}
