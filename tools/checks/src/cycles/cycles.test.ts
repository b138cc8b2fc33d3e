import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { findCycles } from './find.js';
import { importGraph } from './graph.js';

/** The cycles between the files of two packages, `a` and `b`. */
function cyclesOf(files: Record<string, string>): string[][] {
  const root = mkdtempSync(join(tmpdir(), 'blip2-cycles-'));
  const entry = { '@blip2/source': './src/index.ts', default: './dist/index.js' };
  const manifest = (name: string) => JSON.stringify({ name, exports: { '.': entry, './deep': './src/deep.ts' } });
  const all = {
    'a/package.json': manifest('@blip2/a'),
    'b/package.json': manifest('@blip2/b'),
    'b/dist/index.js': `import '@blip2/a';`,
    ...files,
  };
  try {
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return findCycles(importGraph(root, [join(root, 'a'), join(root, 'b')]));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test('a cycle of files is found with its path, types and lazy imports included', () => {
  const files = {
    'a/src/index.ts': `export * from './one.js';`,
    'a/src/one.ts': `import type { Two } from './two.js';`,
    'a/src/two.ts': `export const three = () => import('./three.js');`,
    'a/src/three.ts': `import { one } from './one.js';`,
  };
  expect(cyclesOf(files)).toEqual([['a/src/one.ts', 'a/src/two.ts', 'a/src/three.ts', 'a/src/one.ts']]);
});

test('a cycle of two packages is found, through their entries', () => {
  const files = {
    'a/src/index.ts': `export * from '@blip2/b';`,
    'b/src/index.ts': `export * from './inner.js';`,
    'b/src/inner.ts': `import { x } from '@blip2/a';`,
  };
  expect(cyclesOf(files)).toEqual([['a/src/index.ts', 'b/src/index.ts', 'b/src/inner.ts', 'a/src/index.ts']]);
});

test('a file that imports itself is a cycle, and two cycles are both reported', () => {
  const files = {
    'a/src/index.ts': `import { x } from './index.js';`,
    'b/src/index.ts': `import './one.js';`,
    'b/src/one.ts': `import './index.js';`,
  };
  expect(cyclesOf(files)).toEqual([
    ['a/src/index.ts', 'a/src/index.ts'],
    ['b/src/index.ts', 'b/src/one.ts', 'b/src/index.ts'],
  ]);
});

test('files that share what they import, other packages, and what is not there are no cycles', () => {
  const files = {
    'a/src/index.ts': `import './one.js'; import './two.js'; import '@blip2/b/deep'; import 'zod'; import './absent.js';`,
    'a/src/one.ts': `import './shared.js';`,
    'a/src/two.ts': `import './shared.js'; import '@blip2/b';`,
    'a/src/shared.ts': '',
    'b/src/index.ts': '',
    'b/src/deep.ts': `import './index.js';`,
  };
  expect(cyclesOf(files)).toEqual([]);
});
