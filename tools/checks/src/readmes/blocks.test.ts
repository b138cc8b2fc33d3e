import { expect, test } from '@jest/globals';
import { examplesOf, fencedBlocks, installLines, linksOf } from './blocks.js';

const readme = [
  '# sample',
  '```sh',
  'npm install @blip2/sample sharp # both',
  '```',
  'See [here](docs/one.md) and `[not](here)`.',
  '',
  '```ts',
  'const one: number = 1;',
  '```',
  '- an item',
  '',
  '  ```js fragment',
  '  two();',
  '    three();',
  '  ```',
  '',
  '````md',
  '```js',
  'four();',
  '```',
  '````',
  '',
  '[ref]: https://example.org/a',
].join('\n');

test('blocks are found with their language, their marks, their line and without their indentation', () => {
  expect(fencedBlocks(readme).map(({ language, line }) => `${language} ${line}`)).toEqual([
    'sh 2',
    'ts 7',
    'js 12',
    'md 17',
  ]);
  expect(examplesOf(readme)).toEqual([
    { language: 'ts', fragment: false, code: 'const one: number = 1;\n', line: 7 },
    { language: 'js', fragment: true, code: 'two();\n  three();\n', line: 12 },
  ]);
});

test('the packages of the install lines are those that a reader would install', () => {
  expect(installLines(readme)).toEqual(['@blip2/sample', 'sharp']);
});

test('links are found, code is not searched for them', () => {
  expect(linksOf(readme)).toEqual(['docs/one.md', 'https://example.org/a']);
});
