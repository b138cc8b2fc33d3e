import { expect, test } from '@jest/globals';
import { readCaptions } from './caption-files.js';

const files = (entries: Readonly<Record<string, string>>) =>
  Object.entries(entries).map(([path, text]) => ({ path, file: new Blob([text]) }));

test('captions in JSON lines, in a table, and in texts beside images', async () => {
  const found = await readCaptions(
    files({
      'p/captions.jsonl':
        '{"file_name": "a.png", "captions": ["one", " two "]}\n\n{"file_name": "b.png", "caption": "three"}',
      'p/a.png': '',
      'q/captions.csv': 'file_name,caption\nx/c.png,"four, five"\n',
      'd.txt': 'six\nseven\n',
      'd.jpg': '',
      'readme.txt': 'no image has this name',
    }),
  );
  expect([...found]).toEqual([
    ['p/a.png', ['one', 'two']],
    ['p/b.png', ['three']],
    ['q/x/c.png', ['four, five']],
    ['d.jpg', ['six', 'seven']],
  ]);
});

test('what cannot be read is named', async () => {
  await expect(readCaptions(files({ 'captions.jsonl': '{}\nx' }))).rejects.toThrow(
    'Line 2 of captions.jsonl is not JSON.',
  );
  await expect(readCaptions(files({ 'captions.csv': 'image\nx' }))).rejects.toThrow(
    "captions.csv has no column 'file_name' in its first line.",
  );
});
