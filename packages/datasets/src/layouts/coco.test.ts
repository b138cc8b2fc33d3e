import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { openDataset } from '../open.js';
import { captionsOf, readAll, writeFiles } from '../test-support/files.js';

const info = { description: 'COCO 2017 Dataset', url: 'http://cocodataset.org', version: '1.0', year: 2017 };
const licenses = [{ url: 'http://creativecommons.org/licenses/by/2.0/', id: 4, name: 'Attribution License' }];
const image = (id: number, file_name: string) => ({
  ...{ license: 4, file_name, coco_url: `http://images.cocodataset.org/val2017/${file_name}`, height: 427, width: 640 },
  ...{ date_captured: '2013-11-14 17:02:52', flickr_url: 'http://example.org/1.jpg', id },
});
const captions = (...rows: readonly (readonly [number, unknown])[]) =>
  rows.map(([image_id, caption], i) => ({ image_id, id: 38 + i, caption }));

const val = {
  info,
  licenses,
  images: [image(179765, '000000179765.jpg'), image(285, '000000000285.jpg'), image(9, '000000000009.jpg')],
  annotations: captions(
    [285, 'A bear.\n'],
    [179765, 'A black Honda motorcycle parked in front of a garage.'],
    [179765, 'A Honda motorcycle parked in a grass driveway'],
    [179765, ''],
    [12345, 'nobody'],
  ),
};
const train = { info, licenses, images: [image(30, '000000000030.jpg')], annotations: captions([30, 'A flower.']) };

test.each(['', 'images'])("COCO's captions with images in '%s'", (folder) =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'annotations/captions_val2017.json': val,
      'annotations/captions_train2017.json': train,
      'annotations/instances_val2017.json': { images: [], annotations: [] },
      [join(folder, 'val2017/000000179765.jpg')]: null,
      [join(folder, 'val2017/000000000285.jpg')]: null,
      [join(folder, 'val2017/000000000009.jpg')]: null,
      [join(folder, 'train2017/000000000030.jpg')]: null,
    });
    const named = (name: string): string => (folder ? `${folder}/${name}` : name);
    const { items, skipped } = await readAll(await openDataset(root, { split: 'validation' }));
    expect(captionsOf(items)).toEqual({
      [named('val2017/000000179765.jpg')]: [
        'A black Honda motorcycle parked in front of a garage.',
        'A Honda motorcycle parked in a grass driveway',
      ],
      [named('val2017/000000000285.jpg')]: ['A bear.'],
    });
    expect(items.map(({ imageId }) => imageId)).toEqual([179765, 285]);
    expect(skipped).toEqual({
      'captions_val2017.json: annotation 4': 'it belongs to no image of the list',
      [named('val2017/000000179765.jpg')]: 'caption 3 is empty (captions_val2017.json: image 0)',
      [named('val2017/000000000009.jpg')]: 'it has neither a caption nor a question (captions_val2017.json: image 2)',
    });
    expect((await readAll(await openDataset(root, { split: 'train' }))).ids).toEqual([
      named('train2017/000000000030.jpg'),
    ]);
    expect((await openDataset(root)).length).toBe(3);
    const path = join(root, 'annotations/captions_val2017.json');
    expect(captionsOf((await readAll(await openDataset(path))).items)).toEqual(captionsOf(items));
    await expect(openDataset(root, { split: 'test' })).rejects.toThrow("no split 'test'; it has train and validation.");
  }),
);

test('images elsewhere, and images of the same name', () =>
  inFolder(async (root) => {
    const twice = { ...val, images: [...val.images.slice(0, 1), image(285, '000000179765.jpg')] };
    await writeFiles(root, { 'captions_val2014.json': twice, 'elsewhere/000000179765.jpg': null });
    const { items, skipped } = await readAll(await openDataset(root, { images: join(root, 'elsewhere') }));
    expect(captionsOf(items)).toEqual({
      '000000179765.jpg': [...val.annotations.slice(1, 3).map(({ caption }) => caption)],
    });
    expect(skipped['000000179765.jpg']).toContain('its name is that of another image (captions_val2014.json: image 1)');
  }));

test('what is no such file is one sentence', () =>
  inFolder(async (root) => {
    await writeFiles(root, { 'annotations/captions_val2017.json': '{"images": [' });
    const path = join(root, 'annotations/captions_val2017.json');
    await expect(openDataset(root)).rejects.toThrow(`${path} is not valid JSON; write or download it again.`);
    await writeFiles(root, { 'annotations/captions_val2017.json': { images: [] } });
    await expect(openDataset(root)).rejects.toThrow("has no lists 'images' and 'annotations'");
    await writeFiles(root, { 'annotations/captions_val2017.json': val });
    await expect(openDataset(root)).rejects.toThrow('has no image that can be used');
    await writeFiles(root, { 'captions.csv': 'image,caption\n' });
    await expect(openDataset(root)).rejects.toThrow(
      `'${root}' holds several data sets: coco (annotations/captions_val2017.json), folder (a table); give the path of one file, or a layout.`,
    );
  }));
