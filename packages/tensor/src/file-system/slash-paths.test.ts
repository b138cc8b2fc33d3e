import { posix } from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { slashPaths } from './slash-paths.js';

const { join, dirname, basename, resolve, relative, isAbsolute } = slashPaths;
const name = fc.constantFrom('a', 'b', 'config.json', '.', '..');
const below = fc.array(name, { maxLength: 5 }).map((names) => names.join('/'));

/** As Node does it, with the root in place of its slash. */
const under = (root: string, path: string): string => (path === '/' ? root : root + path);

test.each(['mount:model', 'https://example.com'])('paths under %s are those of POSIX under its root', (root) => {
  fc.assert(
    fc.property(below, below, (a, b) => {
      const [from, to] = [posix.resolve('/', a), posix.resolve('/', b)];
      expect(join(root, a, b)).toBe(under(root, posix.join('/', a, b).replace(/(.)\/$/, '$1')));
      expect(resolve(under(root, from), b)).toBe(under(root, posix.resolve(from, b)));
      expect(dirname(under(root, from))).toBe(under(root, posix.dirname(from)));
      expect(basename(under(root, from))).toBe(posix.basename(from));
      expect(relative(under(root, from), under(root, to))).toBe(posix.relative(from, to));
    }),
    { seed: 5 },
  );
});

test('what is absolute stays so, and nothing leads above a root', () => {
  expect(join('mount:m', '../../other')).toBe('mount:m/other');
  expect(resolve('mount:m/a', 'mount:other/b')).toBe('mount:other/b');
  expect(relative('mount:m/a', 'mount:other/b')).toBe('mount:other/b');
  expect(isAbsolute(relative('mount:m/a', 'mount:other/b'))).toBe(true);
  expect([join('a', '../..', 'b'), join('', ''), dirname('a'), join('/a/', 'b')]).toEqual(['../b', '.', '.', '/a/b']);
  expect(['mount:m', '/a', 'https://h/a', 'a', './a', 'C:a'].map(isAbsolute)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
