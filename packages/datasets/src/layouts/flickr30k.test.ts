import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { openDataset } from '../open.js';
import { captionsOf, readAll, writeFiles } from '../test-support/files.js';

const captions = ['Two young guys with shaggy hair look at their hands .', 'Two " friends " enjoy time , together .'];

test.each(['.', 'flickr30k-images', 'images'])('results_20130124.token with images in %s', (folder) =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'results_20130124.token': `1000092795.jpg#0\t${captions[0]}\n1000092795.jpg#1\t${captions[1]}\n2199200615.jpg#4   A dog\n`,
      [join(folder, '1000092795.jpg')]: null,
    });
    for (const path of [root, join(root, 'results_20130124.token')]) {
      const { items, skipped } = await readAll(await openDataset(path));
      expect(captionsOf(items)).toEqual({ [join(folder, '1000092795.jpg')]: captions });
      expect(skipped).toEqual({ 'results_20130124.token:3': 'the line is no image, number, tab and caption' });
    }
  }),
);

test('results.csv, with bars, quotes that mean nothing, and its broken row', () =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'results.csv': `image_name| comment_number| comment\n1000092795.jpg| 0| ${captions[0]}\n1000092795.jpg| 1| ${captions[1]}\n2199200615.jpg| 4   A dog runs across the grass .\n`,
      'flickr30k_images/1000092795.jpg': null,
    });
    const { items, skipped } = await readAll(await openDataset(root));
    expect(captionsOf(items)).toEqual({ 'flickr30k_images/1000092795.jpg': captions });
    expect(skipped).toEqual({ 'results.csv:4': 'the row has fewer cells than there are columns' });
  }));
