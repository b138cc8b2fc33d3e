import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { pack, withPackage } from '../sandbox.js';
import { publishedPackages } from '../workspace.js';
import { checkSize } from './check.js';
import { measure } from './measure.js';
import { ceilings } from './table.js';

const ceiling = { tarball: 2, bundle: 1, why: 'a sample' };
const check = (code: string) =>
  withPackage({ 'dist/index.js': code }, async (pkg) => checkSize(await measure(pkg, await pack(pkg)), ceiling));

test('a small package passes; one above its ceiling fails, tarball and bundle each', async () => {
  expect(await check('export const one = 1;')).toEqual([]);
  const bytes = randomBytes(3000).toString('hex'); // does not compress below its half
  const problems = await check(`export const text = '${bytes}';`);
  expect(problems).toEqual([
    expect.stringContaining('The tarball has'),
    expect.stringContaining('The bundle has 6.0 kB'),
  ]);
});

test('a file for pages without a bundler is held against a ceiling of its own', async () => {
  const files = { 'dist/index.js': '', 'dist/blip2.js': 'x'.repeat(3000) };
  const size = await withPackage(files, async (pkg) => measure(pkg, await pack(pkg)));
  expect(size.prebuilt).toBe(3000);
  expect(checkSize(size, { ...ceiling, prebuilt: 3 })).toEqual([]);
  expect(checkSize(size, { ...ceiling, prebuilt: 2 })).toEqual([expect.stringContaining('The prebuilt has 3.0 kB')]);
  expect(checkSize(size, ceiling)).toEqual([]); // a module of that name
});

test('lines are counted without tests, and held against a ceiling', async () => {
  const sources = {
    'src/index.ts': 'one;\ntwo;\n',
    'src/one.test.ts': 'three;\n',
    'src/test-support/two.ts': 'four;\n',
  };
  const size = await withPackage({ 'dist/index.js': '', ...sources }, async (pkg) => measure(pkg, await pack(pkg)));
  expect(size.lines).toBe(2);
  expect(checkSize(size, { ...ceiling, lines: 3 })).toEqual([]);
  expect(checkSize(size, { ...ceiling, lines: 2 })).toEqual([expect.stringContaining('2 lines without tests')]);
  expect(checkSize({ ...size, lines: 3499 }, ceiling)).toEqual([]);
  expect(checkSize({ ...size, lines: 3500 }, ceiling)).toEqual([expect.stringContaining('split the package')]);
});

test('what a package depends on is not counted', async () => {
  const size = await withPackage({ 'dist/index.js': `export * from '@tensorflow/tfjs';` }, async (pkg) =>
    measure(pkg, await pack(pkg)),
  );
  expect(size.bundle).toBeLessThan(100);
});

test('each package has a ceiling with a reason, and no other has', () => {
  const names = publishedPackages().map(({ manifest: { name } }) => name);
  expect(Object.keys(ceilings).sort()).toEqual([...names].sort());
  for (const { why } of Object.values(ceilings)) expect(why).not.toBe('');
  expect(checkSize({ tarball: 1, bundle: 1, prebuilt: 0, lines: 1 }, undefined)).toEqual([
    expect.stringContaining('no row'),
  ]);
});
