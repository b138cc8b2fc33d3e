import { expect, test } from '@jest/globals';
import { importsOf } from './imports.js';

test('every form of import is found, with its kind', () => {
  const source = `
    import fs, { type Stats } from 'a';
    import type { T } from 'b';
    import 'c';
    export { x } from 'd';
    export * from 'e';
    export type { U } from 'f';
    import old = require('g');
    const lazy = async () => (await import(/* webpackIgnore: true */ 'h')).default;
    type Inline = typeof import('i').value;
    const j = require('j');
    const computed = (name: string) => import(name);
    using handle = open();
  `;
  const found = importsOf(source).map(({ from, kind }) => `${from} ${kind}`);
  expect(found.sort()).toEqual(
    [
      'a static',
      'b type',
      'c static',
      'd static',
      'e static',
      'f type',
      'g static',
      'h dynamic',
      'i type',
      'j static',
      'undefined dynamic',
    ].sort(),
  );
});

test('text that looks like an import is not one', () => {
  expect(importsOf(`// import 'a'\nconst text = "import 'b'"; export const require_ = \`import('c')\`;`)).toEqual([]);
});
