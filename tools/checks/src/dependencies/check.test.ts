import { expect, test } from '@jest/globals';
import { goodFiles, withPackage } from '../sandbox.js';
import { publishedPackages } from '../workspace.js';
import { checkDependencies } from './check.js';
import { type Dependencies, table } from './table.js';

const sample: Dependencies = { siblings: ['@blip2/tensor'], npm: { zod: 'schemas' } };

const manifest = (fields: object): string =>
  JSON.stringify({ ...(JSON.parse(goodFiles['package.json'] as string) as object), ...fields });

const dependencies = { '@blip2/tensor': '1', zod: '4' };

const problemsOf = (source: string, fields: object = { dependencies }, row: Dependencies | undefined = sample) =>
  withPackage({ 'package.json': manifest(fields), 'src/index.ts': source }, (pkg) => checkDependencies(pkg, row));

test('imports of the table pass, with subpaths, Node loaded lazily and types of Node', async () => {
  const source = `
    import { a } from '@blip2/tensor/safetensors';
    import { z } from 'zod';
    import type { Stats } from 'node:fs';
    import { own } from './own.js';
    export const read = async () => (await import('node:fs/promises')).readFile;`;
  expect(await problemsOf(source)).toEqual([]);
});

test.each([
  ['a sibling that is not in the table', `import { x } from '@blip2/qformer';`, 'not in the table'],
  ['a type of it', `import type { X } from '@blip2/qformer';`, 'not in the table'],
  ['a type of it, inline', `export type X = import('@blip2/qformer').X;`, 'not in the table'],
  ['it, lazily', `export const x = () => import('@blip2/qformer');`, 'not in the table'],
  ['its re-export', `export * from '@blip2/qformer';`, 'not in the table'],
  ['an npm package that is not in the table', `import _ from 'lodash';`, 'not in the table'],
  ['a Node module', `import fs from 'node:fs';`, 'shuts browsers out'],
  ['a Node module by its old name', `import fs from 'fs';`, 'shuts browsers out'],
  ['a computed name', 'export const load = (name: string) => import(name);', 'write it out'],
  ['a file of another package', `import { x } from '../../tensor/src/tree.js';`, 'outside the package'],
  ['an alias that is not declared', `import { x } from '#platform';`, 'does not have'],
])('%s fails', async (_, source, problem) => {
  expect(await problemsOf(source)).toEqual([expect.stringContaining(problem)]);
});

test('what package.json does not declare fails, and what only it declares too', async () => {
  expect(await problemsOf(`import { z } from 'zod';`, {})).toEqual([expect.stringContaining('does not declare')]);
  expect(await problemsOf('', { dependencies: { '@blip2/llm': '1' } })).toEqual([
    expect.stringContaining('@blip2/llm'),
  ]);
  expect(await problemsOf('', { peerDependencies: { lodash: '1' } })).toEqual([expect.stringContaining('lodash')]);
});

test('tests may import what is declared for them, and nothing else', async () => {
  const files = (devDependencies: object) => ({
    'package.json': manifest({ devDependencies }),
    'src/index.test.ts': `import { fixture } from '@blip2/testing'; import fs from 'node:fs';`,
  });
  const check = (devDependencies: object) =>
    withPackage(files(devDependencies), (pkg) => checkDependencies(pkg, sample));
  expect(await check({ '@blip2/testing': '0' })).toEqual([]);
  expect(await check({})).toEqual([expect.stringContaining('@blip2/testing')]);
});

test('a reason in the table opens a place for Node, and a package without a row fails', async () => {
  const row: Dependencies = { ...sample, onlyNode: { 'src/index.ts': 'Node' }, computed: { 'src/index.ts': 'hidden' } };
  expect(await problemsOf(`import fs from 'node:fs'; const load = (name: string) => import(name);`, {}, row)).toEqual(
    [],
  );
  const missing = await withPackage({}, (pkg) => checkDependencies(pkg, undefined));
  expect(missing).toEqual([expect.stringContaining('no row')]);
});

test('the table has a row for each package, no row more, and no cycle', () => {
  const names = publishedPackages().map(({ manifest: { name } }) => name);
  expect(Object.keys(table).sort()).toEqual([...names].sort());
  const reaches = (from: string, to: string): boolean =>
    (table[from]?.siblings ?? []).some((next) => next === to || reaches(next, to));
  for (const name of names) expect(reaches(name, name)).toBe(false);
});
