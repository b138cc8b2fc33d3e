import { join } from 'node:path';
import type { ImageTextItem } from '@blip2/data';
import { inFolder } from '@blip2/testing';
import { checkMutations, readsOrRefuses } from '@blip2/testing/untrusted';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openDataset } from './open.js';
import { lines, readAll, writeFiles } from './test-support/files.js';
import { tar } from './test-support/shards.js';
import { MAX_CHARACTERS } from './texts.js';

/** Opens a data set and goes through it; what comes out is sound, whatever went in. */
async function goThrough(path: string): Promise<void> {
  const { items, ids } = await readAll(await openDataset(path));
  expect(new Set(ids).size).toBe(ids.length);
  for (const item of items) sound(item);
  for (const item of items.slice(0, 3)) expect((await item.read()).length).toBeGreaterThan(0);
}

function sound({ id, captions, questions }: ImageTextItem): void {
  expect(id).not.toMatch(/^\/|(^|\/)\.\.(\/|$)|\0/);
  const answers = questions.flatMap(({ question, answers: all }) => [question, ...all]);
  expect(captions.length + questions.length).toBeGreaterThan(0);
  for (const text of [...captions, ...answers]) {
    expect(typeof text).toBe('string');
    expect(text.trim().length).toBeGreaterThan(0);
    expect(text.length).toBeLessThanOrEqual(MAX_CHARACTERS);
  }
}

const image = { id: 1, file_name: 'a.jpg' };
const vqa = 'v2_OpenEnded_mscoco_val2014_questions.json';
const jsons: Readonly<Record<string, object>> = {
  'captions_val2017.json': {
    images: [image, { id: 2, file_name: 'b.jpg' }],
    annotations: [
      { image_id: 1, caption: 'a' },
      { image_id: 2, caption: 'b' },
    ],
  },
  'dataset_coco.json': {
    images: [
      { filename: 'a.jpg', split: 'train', cocoid: 1, sentences: [{ raw: 'a' }] },
      { filename: 'b.jpg', filepath: 'val2014', split: 'restval', sentences: [{ raw: 'b' }, { raw: 'c' }] },
    ],
  },
  [vqa]: {
    data_subtype: 'val2014',
    questions: [
      { image: 'a.jpg', question: 'what?', question_id: 1 },
      { image: 'b.jpg', question: 'who?', question_id: 2 },
    ],
  },
  'list.json': [
    { image: 'a.jpg', caption: ['a', 'b'] },
    { image: 'b.jpg', question: 'what?', answer: ['x'] },
  ],
};

test.each(Object.keys(jsons))('mutations of %s are read or refused', (name) =>
  inFolder(async (root) => {
    const annotations = {
      annotations: [
        { question_id: 1, answers: [{ answer: 'x' }] },
        { question_id: 2, answers: [{ answer: 'y' }] },
      ],
    };
    await writeFiles(root, {
      'a.jpg': null,
      'b.jpg': null,
      'val2014/b.jpg': null,
      [vqa]: jsons[vqa],
      'v2_mscoco_val2014_annotations.json': annotations,
    });
    const read = async (json: object): Promise<void> => {
      await writeFiles(root, { [name]: json });
      await goThrough(join(root, name));
    };
    expect(await checkMutations(jsons[name]!, read, { runs: 80 })).toBeGreaterThan(10);
  }),
);

const texts: Readonly<Record<string, string>> = {
  'captions.jsonl': lines({ file_name: 'a.jpg', caption: 'a cat' }, { file_name: 'b.jpg', captions: ['a', 'b'] }),
  'captions.csv': 'file_name,caption,question,answers\na.jpg,"a ""cat"", b",what?,"[""x""]"\nb.jpg,a dog,,\n',
  'results.csv': 'image_name| comment_number| comment\na.jpg| 0| a cat\nb.jpg| 0| a dog\n',
  'results.token': 'a.jpg#0\ta cat\na.jpg#1\ta cat again\nb.jpg#0\ta dog\n',
};

/** Bytes with some of them cut out, replaced, or repeated. */
const mutatedBytes = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
  fc
    .array(
      fc.tuple(
        fc.nat(bytes.length),
        fc.nat(40),
        fc.oneof(
          fc.uint8Array({ maxLength: 6 }),
          fc.constantFrom(...['"', '\n', '\0', '../', '\t', ',', '{'].map((text) => new TextEncoder().encode(text))),
        ),
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map((changes) =>
      changes.reduce(
        (all, [at, cut, put]) =>
          new Uint8Array(Buffer.concat([all.subarray(0, at), put, all.subarray(at + (cut > 20 ? 0 : cut))])),
        bytes,
      ),
    );

async function checkBytes(bytes: Uint8Array, path: string, runs: number): Promise<number> {
  let whole = 0;
  const property = fc.asyncProperty(mutatedBytes(bytes), async (mutated) => {
    await writeFiles('/', { [path]: mutated });
    if (await readsOrRefuses(() => goThrough(path))) whole++;
  });
  await fc.assert(property, { numRuns: runs, seed: 7 });
  return whole;
}

test.each(Object.keys(texts))('mutations of %s are read or refused', (name) =>
  inFolder(async (root) => {
    await writeFiles(root, { 'a.jpg': null, 'b.jpg': null });
    expect(await checkBytes(new TextEncoder().encode(texts[name]), join(root, name), 60)).toBeGreaterThan(15);
  }),
);

test('mutations of a shard are read or refused', () =>
  inFolder(async (root) => {
    const shard = await tar({ 'a.jpg': 'not an image', 'a.txt': 'a cat', 'b.jpg': 'x', 'b.json': { caption: 'b' } });
    expect(await checkBytes(shard, join(root, 'a.tar'), 100)).toBeGreaterThan(10);
  }));
