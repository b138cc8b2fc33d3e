import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import type { CaptionData, VqaData } from '../run-data.js';
import { expectWritable, writePredictions } from './predictions.js';

const features = {} as CaptionData['features'];
const captionTask = { features, references: () => ['a cat'] };
const captions = {
  results: [
    { image: 0, caption: 'a cat' },
    { image: 1, caption: 'a "dog"\n' },
  ],
};
const asked = { image: 0, type: 'all', question: 'why?', answer: 'so' };
const vqaTask: VqaData = { features, types: ['all'], questions: [{ ...asked, id: 458_752_000 }, asked] };
const vqa = { results: [{ answer: 'yes' }, { answer: 'no' }] };
const json = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, 'utf8'));

test('captions have the ids of their images, or their places', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'captions.json');
    const ids = [391_895, 'photos/dog.jpg'];
    const tasks = { captions: { ...captionTask, imageId: (index: number) => ids[index]! } };
    expect(await writePredictions(file, { captions }, tasks)).toEqual([file]);
    expect(await json(file)).toEqual([
      { image_id: 391_895, caption: 'a cat' },
      { image_id: 'photos/dog.jpg', caption: 'a "dog"\n' },
    ]);
    await writePredictions(pathToFileURL(file), { captions }, { captions: captionTask });
    expect(await json(file)).toMatchObject([{ image_id: 0 }, { image_id: 1 }]);
    expect(await readdir(folder)).toEqual(['captions.json']);
  });
});

test('answers have the ids of their questions, and a file of their own where there are captions too', async () => {
  await inFolder(async (folder) => {
    const answers = [
      { question_id: 458_752_000, answer: 'yes' },
      { question_id: 1, answer: 'no' },
    ];
    const only = join(folder, 'answers.json');
    expect(await writePredictions(only, { vqa }, { vqa: vqaTask })).toEqual([only]);
    expect(await json(only)).toEqual(answers);
    const both = join(folder, 'both.json');
    const written = await writePredictions(both, { captions, vqa }, { captions: captionTask, vqa: vqaTask });
    expect(written).toEqual([both, join(folder, 'both.vqa.json')]);
    expect(await json(both)).toHaveLength(2);
    expect(await json(join(folder, 'both.vqa.json'))).toEqual(answers);
  });
});

test('what cannot be written is said before and after, and leaves nothing', async () => {
  await inFolder(async (folder) => {
    const missing = join(folder, 'absent', 'a.json');
    await expect(expectWritable(missing)).rejects.toThrow(`The predictions ${missing} cannot be written (ENOENT)`);
    await expectWritable(join(folder, 'a.json'));
    await expect(writePredictions(folder, { captions }, { captions: captionTask })).rejects.toThrow(
      'cannot be written',
    );
    await expect(writePredictions(missing, {}, {})).rejects.toThrow('There is nothing to write to');
    expect(await readdir(folder)).toEqual([]);
  });
});
