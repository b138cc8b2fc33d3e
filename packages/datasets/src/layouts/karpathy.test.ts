import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { openDataset } from '../open.js';
import { captionsOf, readAll, writeFiles } from '../test-support/files.js';

const sentences = (...raws: readonly unknown[]) =>
  raws.map((raw, i) => ({ tokens: String(raw).toLowerCase().split(' '), raw, imgid: 0, sentid: 770337 + i }));

const coco = (split: string, cocoid: number, filepath: string) => ({
  ...{ filepath, sentids: [770337], filename: `COCO_${filepath}_${String(cocoid).padStart(12, '0')}.jpg`, imgid: 0 },
  ...{ split, sentences: sentences(`A caption of ${cocoid}.`, 'Another.'), cocoid },
});

test("dataset_coco.json, whose 'restval' is training data", () =>
  inFolder(async (root) => {
    const images = [
      coco('test', 391895, 'val2014'),
      coco('restval', 522418, 'val2014'),
      coco('val', 184613, 'val2014'),
      coco('train', 57870, 'train2014'),
      { ...coco('none', 1, 'val2014') },
    ];
    await writeFiles(root, {
      'dataset_coco.json': { images, dataset: 'coco' },
      ...Object.fromEntries(images.map(({ filepath, filename }) => [join(filepath, filename), null])),
    });
    const open = async (split: 'train' | 'validation' | 'test') => readAll(await openDataset(root, { split }));
    const { items, skipped } = await open('train');
    expect(captionsOf(items)).toEqual({
      'val2014/COCO_val2014_000000522418.jpg': ['A caption of 522418.', 'Another.'],
      'train2014/COCO_train2014_000000057870.jpg': ['A caption of 57870.', 'Another.'],
    });
    expect(items.map(({ imageId }) => imageId)).toEqual([522418, 57870]);
    expect(skipped).toEqual({ 'dataset_coco.json: image 4': 'it belongs to no split' });
    expect((await open('validation')).ids).toEqual(['val2014/COCO_val2014_000000184613.jpg']);
    expect((await open('test')).ids).toEqual(['val2014/COCO_val2014_000000391895.jpg']);
  }));

test.each(['.', 'flickr30k-images', 'images'])('dataset_flickr30k.json with images in %s', (folder) =>
  inFolder(async (root) => {
    const image = (filename: string, split: string) => ({
      ...{ sentids: [0, 1], imgid: 0, filename, split },
      sentences: sentences('Two young guys look at their hands.', 'Two men in green shirts.'),
    });
    await writeFiles(root, {
      'dataset_flickr30k.json': {
        images: [image('1000092795.jpg', 'train'), image('10002456.jpg', 'val')],
        dataset: 'flickr30k',
      },
      [join(folder, '1000092795.jpg')]: null,
      [join(folder, '10002456.jpg')]: null,
    });
    const path = join(root, 'dataset_flickr30k.json');
    const { items } = await readAll(await openDataset(path, { split: 'train' }));
    expect(items.map(({ id, captions, imageId }) => [id, captions.length, imageId])).toEqual([
      [join(folder, '1000092795.jpg'), 2, undefined],
    ]);
  }),
);

test("LAVIS' lists", () =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'val2014/COCO_val2014_000000522418.jpg': null,
      'coco_karpathy_train.json': [
        { caption: 'A woman cuts a cake.', image: 'val2014/COCO_val2014_000000522418.jpg', image_id: 'coco_522418' },
        { caption: 'A woman.', image: 'val2014/COCO_val2014_000000522418.jpg', image_id: 'coco_522418' },
      ],
      'vqa_train.json': [
        {
          question_id: 1,
          question: 'What?',
          answer: ['net', 'net'],
          image: 'val2014/COCO_val2014_000000522418.jpg',
          dataset: 'vqa',
        },
      ],
    });
    const { items } = await readAll(await openDataset(join(root, 'coco_karpathy_train.json')));
    expect(items.map(({ id, imageId, captions }) => [id, imageId, captions])).toEqual([
      ['val2014/COCO_val2014_000000522418.jpg', 'coco_522418', ['A woman cuts a cake.', 'A woman.']],
    ]);
    const vqa = await readAll(await openDataset(join(root, 'vqa_train.json')));
    expect(vqa.items[0]!.questions).toEqual([{ id: 1, question: 'What?', answers: ['net', 'net'] }]);
  }));
