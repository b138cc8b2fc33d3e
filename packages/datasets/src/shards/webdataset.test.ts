import { rm, truncate, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { decodeItem } from '../decode.js';
import { openDataset } from '../open.js';
import { captionsOf, drawImage, readAll, writeFiles } from '../test-support/files.js';
import { numbered, tar } from '../test-support/shards.js';

const ids = (shard: string, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${shard}.tar/${String(from + i).padStart(4, '0')}`);

async function shardsIn(root: string): Promise<string> {
  return writeFiles(root, {
    'shards/000.tar': await numbered(0, 5),
    'shards/001.tar': await numbered(5, 7),
    'shards/002.tar': await numbered(7, 14),
  });
}
const all = [...ids('000', 0, 5), ...ids('001', 5, 7), ...ids('002', 7, 14)];

test('patterns, folders, files, and several of them', () =>
  inFolder(async (root) => {
    await shardsIn(root);
    const shards = join(root, 'shards');
    const paths = [
      shards,
      root,
      join(shards, '{000..002}.tar'),
      join(shards, '*.tar'),
      join(shards, '00[0-2].tar'),
      [join(shards, '{000,001}.tar'), join(shards, '002.tar')],
    ];
    for (const path of paths) expect([path, (await readAll(await openDataset(path))).ids]).toEqual([path, all]);
    expect((await readAll(await openDataset(join(shards, '001.tar')))).ids).toEqual(ids('001', 5, 7));
    await expect(openDataset(join(shards, '{000..003}.tar'))).rejects.toThrow(
      `There is no shard at '${join(shards, '003.tar')}'; check the path.`,
    );
    await expect(openDataset(join(shards, '9*.tar'))).rejects.toThrow('No file matches');
    await expect(openDataset([join(shards, '000.tar'), join(shards, '00*.tar')])).rejects.toThrow('is named twice');
    await expect(openDataset(join(shards, '{0..999999}.tar'))).rejects.toThrow('names more than 100000 shards');
    await expect(openDataset([])).rejects.toThrow('No path of a data set was given');
    await expect(openDataset(root, { layout: 'coco' })).rejects.toThrow("has no file of the layout 'coco'");
  }));

test('captions and questions of samples, and images that decode', () =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'a.tar': await tar({
        './deep/1.jpg': null,
        './deep/1.json': {
          caption: 'from json',
          question: 'what?',
          answers: ['a', 'b'],
          image_id: 12,
          key: '1',
          status: 'success',
        },
        './deep/1.cls': '3',
        '2.seg.png': null,
        '2.PNG': null,
        '2.txt': 'one\n\ntwo\n',
        '2.json': { caption: 'one' },
        [`${'long/'.repeat(60)}3.png`]: null,
        [`${'long/'.repeat(60)}3.txt`]: 'ein Vögelchen',
      }),
    });
    const { items, skipped } = await readAll(await openDataset(join(root, 'a.tar')));
    expect(skipped).toEqual({});
    expect(captionsOf(items)).toEqual({
      'a.tar/deep/1': ['from json'],
      'a.tar/2': ['one', 'two'],
      [`a.tar/${'long/'.repeat(60)}3`]: ['ein Vögelchen'],
    });
    expect(items[0]!.questions).toEqual([{ question: 'what?', answers: ['a', 'b'] }]);
    expect(items[0]!.imageId).toBe(12);
    expect(await items[1]!.read()).toEqual(await drawImage('2.PNG', 1));
    expect((await decodeItem(items[2]!))?.width).toBe(24);
  }));

test('shards that are compressed', () =>
  inFolder(async (root) => {
    await writeFiles(root, { 'a.tar.gz': gzipSync(await numbered(0, 3)), 'b.tgz': gzipSync(await numbered(3, 4)) });
    expect((await readAll(await openDataset(root))).ids).toEqual([
      'a.tar.gz/0000',
      'a.tar.gz/0001',
      'a.tar.gz/0002',
      'b.tgz/0003',
    ]);
  }));

test('what cannot be used of a shard is reported, and the rest is read', () =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'a.tar': await tar([
        ['../out.jpg', null],
        ['../out.txt', 'out'],
        ['/abs.jpg', null],
        ['x/../../y.jpg', null],
        ['1.jpg', null],
        ['1.txt', ''],
        ['2.jpg', null],
        ['3.txt', 'no image'],
        ['4.jpg', new Uint8Array()],
        ['4.txt', 'empty image'],
        ['5.jpg', new Uint8Array(5000)],
        ['5.txt', 'large image'],
        ['6.jpg', null],
        ['6.json', '{"caption": '],
        ['7.jpg', null],
        ['7.jpg', null],
        ['7.png', null],
        ['7.txt', `good\n${'x'.repeat(10_001)}`],
        ['8.jpg', null],
        ['8.txt', 'good'],
        ['7.jpg', null],
        ['7.txt', 'again'],
        ['.hidden.jpg', null],
        ['noending', 'x'],
      ]),
    });
    const { ids: kept, skipped } = await readAll(await openDataset(join(root, 'a.tar'), { maxImageBytes: 4000 }));
    expect(kept).toEqual(['a.tar/7', 'a.tar/8']);
    const leaves = 'its path leaves the folder of the data set';
    expect(skipped).toEqual({
      'a.tar/../out.jpg': leaves,
      'a.tar/../out.txt': leaves,
      'a.tar//abs.jpg': 'its path is absolute; give it relative to the data set',
      'a.tar/x/../../y.jpg': leaves,
      'a.tar/1': 'the caption is empty',
      'a.tar/2': 'it has neither a caption nor a question',
      'a.tar/3': 'there is no image of that name',
      'a.tar/4': 'the file is empty',
      'a.tar/5.jpg': 'the file has 5000 bytes, more than 4000',
      'a.tar/5': 'there is no image of that name',
      'a.tar/6.json': 'the file is no JSON object',
      'a.tar/6': 'it has neither a caption nor a question',
      'a.tar/7':
        'caption 2 has 10001 characters, more than 10000; its key comes again, with other files between; it is read once',
      'a.tar/7.jpg': 'the file is there twice; the first is read',
      'a.tar/7.png': 'there is another image, 7.jpg',
    });
  }));

test('a shard that is cut gives what is whole, and says where it ends', () =>
  inFolder(async (root) => {
    await shardsIn(root);
    const path = join(root, 'shards/000.tar');
    await truncate(path, 1024 * 5 + 100);
    const { ids: kept, skipped } = await readAll(await openDataset(join(root, 'shards')));
    expect(kept).toEqual([...ids('000', 0, 2), ...all.slice(5)]);
    expect(skipped).toEqual({
      '000.tar/0002': 'it has neither a caption nor a question',
      '000.tar/file 5': expect.stringMatching(/^the rest of the shard cannot be read \(.+\); download it again$/),
    });
    await writeFiles(root, { 'shards/000.tar': '<html>not found</html>'.repeat(100) });
    await expect(openDataset(join(root, 'shards')).then((data) => readAll(data))).rejects.toThrow(
      /000\.tar is not a tar file \(.+\); download it again\.$/,
    );
  }));

test('shuffling is a function of the seed, through shards and a buffer', () =>
  inFolder(async (root) => {
    const data = await openDataset(join(await shardsIn(root), 'shards'));
    const order = async (seed: number, buffer: number) => (await readAll(data, { shuffle: { seed, buffer } })).ids;
    const first = await order(1, 6);
    expect(first).not.toEqual(all);
    expect([...first].sort()).toEqual(all);
    expect(await order(1, 6)).toEqual(first);
    expect(await order(2, 6)).not.toEqual(first);
    expect([...(await order(1, 1000))].sort()).toEqual(all);
    const straight = (await order(5, 1)).map((id) => id.slice(0, 3));
    expect(straight.filter((shard, i) => shard !== straight[i - 1])).toHaveLength(3); // shards in turn
  }));

test('each process has its part: shards where there are enough, else items', () =>
  inFolder(async (root) => {
    const data = await openDataset(join(await shardsIn(root), 'shards'));
    for (const size of [1, 2, 3, 4, 20]) {
      for (const how of [{}, { shuffle: { seed: 3, buffer: 4 } }]) {
        const parts = await Promise.all(
          Array.from({ length: size }, (_, rank) => readAll(data, { ...how, shard: { rank, size } })),
        );
        expect(parts.flatMap((part) => part.ids).sort()).toEqual(all);
        if (size === 4) expect(parts.map((part) => part.ids.length).sort()).toEqual([3, 3, 4, 4]);
      }
    }
  }));

test('splits by name, and a validation share by hash', () =>
  inFolder(async (root) => {
    await writeFiles(root, {
      'cc-train-000.tar': await numbered(0, 30),
      'cc-train-001.tar': await numbered(30, 60),
      'cc-test-000.tar': await numbered(60, 62),
    });
    const read = async (options: Parameters<typeof openDataset>[1]) =>
      (await readAll(await openDataset(root, options))).ids;
    expect(await read({ split: 'train' })).toHaveLength(60);
    expect(await read({ split: 'test' })).toEqual(ids('cc-test-000', 60, 62));
    const [train, validation] = [
      await read({ split: 'train', validation: 0.2 }),
      await read({ split: 'validation', validation: 0.2 }),
    ];
    expect(validation.length).toBeGreaterThan(4);
    expect([...train, ...validation].sort()).toEqual([...ids('cc-train-000', 0, 30), ...ids('cc-train-001', 30, 60)]);
    await expect(read({ split: 'validation' })).rejects.toThrow("no split 'validation'; it has test and train");
  }));

test('items that are kept hold no image, and read it from the shard again', () =>
  inFolder(async (root) => {
    const images = await Promise.all(Array.from({ length: 40 }, (_, i) => drawImage('x.png', i)));
    const name = (i: number): string => (i % 3 === 0 ? `${'deep/'.repeat(i + 20)}${i}` : String(i));
    const files = images.flatMap((bytes, i): [string, unknown][] => [
      [`${name(i)}.png`, bytes],
      [`${name(i)}.json`, { caption: `${i}` }],
    ]);
    await writeFiles(root, { 'a.tar': await tar(files), 'b.tgz': gzipSync(await tar(files)) });
    for (const shuffle of [undefined, { seed: 1, buffer: 7 }]) {
      const { items } = await readAll(await openDataset(root), shuffle && { shuffle });
      expect(items).toHaveLength(80);
      for (const { captions, read } of items) expect(await read()).toEqual(images[Number(captions[0])]);
    }
    const { items } = await readAll(await openDataset(join(root, 'a.tar')));
    await utimes(join(root, 'a.tar'), 5, 5);
    await expect(items[0]!.read()).rejects.toThrow('its shard has changed; open the data set again.');
    await rm(join(root, 'a.tar'));
    await expect(items[0]!.read()).rejects.toThrow('its shard cannot be opened (ENOENT).');
  }));

test('the fingerprint follows the shards, and a pass can be ended', () =>
  inFolder(async (root) => {
    await shardsIn(root);
    const open = () => openDataset(join(root, 'shards'));
    const data = await open();
    expect((await open()).fingerprint).toBe(data.fingerprint);
    await utimes(join(root, 'shards/001.tar'), 5, 5);
    expect((await open()).fingerprint).not.toBe(data.fingerprint);
    for await (const { id } of data.items()) {
      expect(id).toBe(all[0]);
      break;
    }
    const control = new AbortController();
    const aborted = async (): Promise<void> => {
      for await (const _ of data.items({ signal: control.signal })) control.abort(new Error('enough'));
    };
    await expect(aborted()).rejects.toThrow('enough');
  }));
