import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAX_CHARACTERS, openDataset } from '@blip2/datasets';
import { mutateBytes } from '../mutate/bytes.js';
import { mutateJson } from '../mutate/json.js';
import { type Target, Unsound } from '../target.js';

const questions = 'v2_OpenEnded_mscoco_val2014_questions.json';
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const lines = (...rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** A tar file whose entries are these texts. */
function tar(entries: Readonly<Record<string, string>>): Uint8Array {
  const blocks = Object.entries(entries).flatMap(([name, text]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 'latin1');
    for (const [at, value] of [
      [100, '0000644'],
      [124, text.length.toString(8).padStart(11, '0')],
      [156, '0'],
      [257, 'ustar\x0000'],
    ] as const) {
      header.write(value, at, 'latin1');
    }
    header.fill(' ', 148, 156);
    const sum = header.reduce((all, byte) => all + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return [header, Buffer.from(text.padEnd(Math.ceil(text.length / 512) * 512, '\0'), 'latin1')];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** Good files by name; a file is its number here, as one byte, and its content. */
const files: readonly (readonly [string, Uint8Array])[] = [
  [
    'captions.jsonl',
    Buffer.from(
      lines(
        { file_name: 'a.jpg', caption: 'a cat' },
        { image: 'b.jpg', questions: [{ question: 'what?', answers: ['x'] }] },
      ),
    ),
  ],
  [
    'captions.csv',
    Buffer.from('file_name,caption,question,answers\na.jpg,"a ""cat"", b",what?,"[""x""]"\nb.jpg,a dog,,\n'),
  ],
  ['results.csv', Buffer.from('image_name| comment_number| comment\na.jpg| 0| a cat\nb.jpg| 0| a dog\n')],
  ['results.token', Buffer.from('a.jpg#0\ta cat\na.jpg#1\ta cat again\nb.jpg#0\ta dog\n')],
  [
    'list.json',
    json([
      { image: 'a.jpg', caption: ['a', 'b'], image_id: 'x' },
      { image: 'b.jpg', question: 'what?', answer: ['x'], split: 'val' },
    ]),
  ],
  [
    'captions_val2017.json',
    json({
      images: [
        { id: 1, file_name: 'a.jpg' },
        { id: 2, file_name: 'b.jpg' },
      ],
      annotations: [
        { image_id: 1, caption: 'a' },
        { image_id: 2, caption: 'b' },
      ],
    }),
  ],
  [
    'dataset_coco.json',
    json({
      images: [
        { filename: 'a.jpg', split: 'train', cocoid: 1, sentences: [{ raw: 'a' }] },
        { filename: 'b.jpg', filepath: '', split: 'val', sentences: [{ raw: 'b' }] },
      ],
    }),
  ],
  [
    questions,
    json({
      data_subtype: 'val2014',
      questions: [
        { image: 'a.jpg', question: 'what?', question_id: 1 },
        { image: 'b.jpg', question: 'who?', question_id: 2 },
      ],
    }),
  ],
  ['a.tar', tar({ 'a.jpg': 'no image', 'a.txt': 'a cat\nmore', 'b.png': 'x', 'b.json': '{"caption": "b"}' })],
];
const words = [
  '../a.jpg',
  '/a.jpg',
  'caption',
  'captions',
  'text',
  'question',
  'answers',
  'images',
  'split',
  'x'.repeat(MAX_CHARACTERS + 1),
];

let folder: string | undefined;

/** A folder with two images and VQA's annotations; gone when the worker ends. */
function open(): string {
  if (folder) return folder;
  const made = mkdtempSync(join(tmpdir(), 'blip2-fuzz-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  for (const name of ['a.jpg', 'b.jpg']) writeFileSync(join(made, name), 'x');
  const annotations = [1, 2].map((question_id) => ({ question_id, answers: [{ answer: 'x' }] }));
  writeFileSync(join(made, 'v2_mscoco_val2014_annotations.json'), JSON.stringify({ annotations }));
  folder = made;
  return made;
}

/** Lists and shards of data sets, by `openDataset`. */
export const dataset: Target = {
  name: 'dataset',

  async seeds() {
    return files.map(([, content], i) => new Uint8Array(Buffer.concat([Buffer.of(i), content])));
  },

  mutate(input, random, other) {
    const [kind, content] = [input.subarray(0, 1), input.subarray(1)];
    const isJson = nameOf(input).endsWith('.json');
    const changed = isJson
      ? mutateJson(content, random, { words, other: other.subarray(1) })
      : mutateBytes(content, random, { words: words.map((word) => Buffer.from(word)), other: other.subarray(1) });
    return new Uint8Array(Buffer.concat([kind, changed]));
  },

  async run(input) {
    const path = join(open(), nameOf(input));
    writeFileSync(path, input.subarray(1));
    const ids = new Set<string>();
    const data = await openDataset(path);
    let skips = 0;
    for await (const { id, captions, questions: asked, read } of data.items({ onSkip: () => skips++ })) {
      if (ids.has(id)) throw new Unsound(`the id '${id}' comes twice`);
      ids.add(id);
      if (/^\/|(^|\/)\.\.(\/|$)|\0/.test(id)) throw new Unsound(`the id '${id}' leaves the folder`);
      const texts = [...captions, ...asked.flatMap(({ question, answers }) => [question, ...answers])];
      if (texts.length === 0) throw new Unsound(`'${id}' has no text`);
      for (const text of texts) {
        if (text.trim() === '' || text.length > MAX_CHARACTERS)
          throw new Unsound(`a text of ${text.length} characters`);
      }
      if ((await read()).length === 0) throw new Unsound(`'${id}' is empty`);
    }
    if (ids.size === 0 && skips === 0 && !path.endsWith('.tar'))
      throw new Unsound('nothing was read, and nothing was reported');
  },
};

const nameOf = (input: Uint8Array): string => (files[(input[0] ?? 0) % files.length] as (typeof files)[number])[0];
