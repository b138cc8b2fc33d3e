import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { ImageTextDataset, SkippedItem } from '@blip2/data';
import { toPath } from '@blip2/tensor/files';
import { listedDataset } from './listed/dataset.js';
import type { OpenOptions, Report } from './options.js';
import { recognizeFile, recognizeFolder } from './recognize.js';
import { isAddress, namesShards } from './shards/pattern.js';
import { shardedDataset } from './shards/webdataset.js';

/**
 * Opens a data set of images with captions or questions, whose layout it recognizes: a folder with `captions.jsonl`,
 * `metadata.jsonl`, a table or `NAME.txt` beside `NAME.jpg`; COCO captions; Karpathy splits; VQAv2; Flickr30k; WebDataset
 * shards. Images are looked up, not read; shards are read as a stream.
 * @param path a folder or a file in it; or shards: a tar file, a pattern such as `shards/{000..012}.tar`, an http address of
 * either, or several of them
 * @returns a data set whose `items` report what was left out, each with its reason
 * @throws where no data set is recognized, a file is wrong as a whole, there is no such split, or no image can be used
 */
export async function openDataset(
  path: string | URL | readonly string[],
  options: OpenOptions = {},
): Promise<ImageTextDataset> {
  const patterns = patternsOf(path);
  const given = resolve(patterns[0] ?? '');
  const found = patterns.length === 1 ? await stat(given).catch(() => undefined) : undefined;
  const isShards = options.layout === 'webdataset' || (!found?.isDirectory() && patterns.every(namesShards));
  if (isShards) return shardedDataset(nameOf(patterns), patterns, options);
  if (!found) throw new Error(`There is no data set at '${given}'; check the path.`);
  const skipped: SkippedItem[] = [];
  const report: Report = (id, reason) => void skipped.push({ id, reason });
  const images = options.images && resolve(toPath(options.images));
  const annotations = options.annotations && resolve(toPath(options.annotations));
  const { columns, layout, signal } = options;
  const recognize = found.isDirectory() ? recognizeFolder : recognizeFile;
  const recognized = await recognize(given, { columns, layout, images, annotations, report, signal });
  if (recognized === 'shards') return shardedDataset(basename(given), patterns, options);
  if (!recognized) {
    throw new Error(`No data set was recognized in '${given}'; the README of @blip2/datasets has the layouts.`);
  }
  const { root, lists } = recognized;
  return listedDataset(lists, { ...options, name: basename(given), root: images ?? root, skipped });
}

function patternsOf(path: string | URL | readonly string[]): readonly string[] {
  if (typeof path === 'string') return [path];
  if (path instanceof URL) return [isAddress(path.href) ? path.href : toPath(path)];
  if (path.length === 0) throw new Error('No path of a data set was given; give one or several.');
  return path;
}

/** The last part of the first pattern, without what comes after a path in addresses. */
const nameOf = ([first = '']: readonly string[]): string => basename(first.replace(/[?#].*$/, ''));
