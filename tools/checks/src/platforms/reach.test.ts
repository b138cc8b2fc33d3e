import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Package } from '../workspace.js';
import { nodeImports } from './reach.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'reach-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function makePackage(name: string, files: Record<string, string>, rest: object = {}): Package {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name, path)), { recursive: true });
    writeFileSync(join(root, name, path), text);
  }
  return {
    folder: join(root, name),
    manifest: { name, exports: { '.': { types: './i.d.ts', default: './i.js' } }, ...rest },
  };
}

function reachedFrom(pkg: Package, ...others: Package[]): string[] {
  const folders = new Map([pkg, ...others].map((one) => [one.manifest.name, one]));
  return nodeImports(pkg, folders, ['usearch']).map(({ through, specifier }) => `${through.join(' > ')}: ${specifier}`);
}

test('imports are followed through files, import() and packages; what is not reached does not count', () => {
  const other = makePackage('other', {
    'i.js': "export * from './deep.js';",
    'deep.js': "import 'fs';",
    'unused.js': "import 'node:os';",
  });
  const pkg = makePackage('pkg', {
    'i.js': "import './a.js'; import 'zod';",
    'a.js': "const f = () => import('./b.js');",
    'b.js': "import 'other';",
  });
  expect(reachedFrom(pkg, other)).toEqual(['pkg/i.js > pkg/a.js > pkg/b.js > other/i.js > other/deep.js: fs']);
});

test('conditions decide as for a browser', () => {
  const imports = { '#platform': { node: { default: './node.js' }, types: './x.d.ts', default: './browser.js' } };
  const files = { 'i.js': "import '#platform';", 'node.js': "import 'node:fs';", 'browser.js': 'export {};' };
  expect(reachedFrom(makePackage('pkg', files, { imports }))).toEqual([]);
  const wrong = { '#platform': { browser: './node.js', default: './browser.js' } };
  expect(reachedFrom(makePackage('wrong', files, { imports: wrong }))).toEqual(['wrong/i.js > wrong/node.js: node:fs']);
});

test('packages of Node alone may only be imported lazily, and only where the table allows it', () => {
  const files = { 'i.js': "import('usearch'); import('sharp'); import './gone.js';" };
  expect(reachedFrom(makePackage('pkg', files))).toEqual([
    'pkg/i.js: sharp',
    'pkg/i.js > pkg/gone.js: a file that is not there: build first',
  ]);
});
