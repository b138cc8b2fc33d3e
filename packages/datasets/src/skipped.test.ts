import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { collectSkipped } from './skipped.js';

test('what is left out is listed in a file that has its name when it is whole', () =>
  inFolder(async (root) => {
    const file = join(root, 'out/skipped.jsonl');
    const skipped = collectSkipped({ name: 'photos', file });
    skipped.add({ id: 'a.jpg', reason: 'there is no such file' });
    skipped.add({ id: 'a.jpg', reason: 'there is no such file' });
    skipped.add({ id: 'b.jpg', reason: 'caption 1 is empty (captions.jsonl:3)' });
    skipped.add({ id: 'c.jpg', reason: 'caption 2 is empty (captions.jsonl:9)' });
    expect(await readdir(join(root, 'out'))).toEqual(['skipped.jsonl.tmp']);
    skipped.finish(297);
    expect(await readdir(join(root, 'out'))).toEqual(['skipped.jsonl']);
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(['a.jpg', 'b.jpg', 'c.jpg']);
    expect(skipped.count).toBe(3);
    expect(skipped.reasons()).toEqual([
      ['caption N is empty', 2],
      ['there is no such file', 1],
    ]);
  }));

test('more than the share is one sentence, and the file is written', () =>
  inFolder(async (root) => {
    const file = join(root, 'skipped.jsonl');
    const skipped = collectSkipped({ name: 'photos', file, maxSkipped: 0.05 });
    for (const i of [0, 1, 2, 3]) skipped.add({ id: `${i}.jpg`, reason: 'the image is no image.' });
    expect(() => skipped.finish(60)).toThrow(
      `4 of 64 items of 'photos' were left out, more than the share of 0.05 allows ('0.jpg': the image is no image; '1.jpg': the image is no image; '2.jpg': the image is no image, and others); ${file} lists them: repair them, or raise the share (--max-skipped).`,
    );
    expect((await readFile(file, 'utf8')).split('\n')).toHaveLength(5);
    const none = collectSkipped({ name: 'photos', file, maxSkipped: 0 });
    none.finish(0);
    expect(await readFile(file, 'utf8')).toBe('');
    collectSkipped({ name: 'photos', file }).abort();
    expect(await readdir(root)).toEqual(['skipped.jsonl']);
    expect(() => collectSkipped({ name: 'photos', maxSkipped: 2 })).toThrow('give one from 0 to 1');
  }));

test('many are written as they come', () =>
  inFolder(async (root) => {
    const file = join(root, 'skipped.jsonl');
    const skipped = collectSkipped({ name: 'photos', file, maxSkipped: 1 });
    for (let i = 0; i < 3000; i++) skipped.add({ id: `${i}.jpg`, reason: 'there is no such file' });
    expect((await readFile(`${file}.tmp`)).length).toBeGreaterThan(64_000);
    skipped.finish(0);
    expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(3000);
  }));
