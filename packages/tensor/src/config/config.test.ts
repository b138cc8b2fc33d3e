import { expect, test } from '@jest/globals';
import { fieldsOf, parseJson, show, showWord } from '../index.js';
import { openSafetensors } from '../safetensors/index.js';
import { openTorch } from '../torch/index.js';

const fields = (json: Record<string, unknown>) => fieldsOf(json, 'toy');

test('fields of their types, and defaults for what is absent or null', () => {
  const { count, fraction, positive, flag, oneOf, ids, object } = fields({
    a: 3,
    b: 0.5,
    c: true,
    d: 'x',
    e: [1, 2],
    f: {},
    g: null,
  });
  expect([count('a', 1), count('g', 1), count('z', 1)]).toEqual([3, 1, 1]);
  expect([fraction('b', 0), positive('b', 1), flag('c', false), flag('g', false)]).toEqual([0.5, 0.5, true, false]);
  expect([oneOf('d', 'y', ['x', 'y']), oneOf('z', 'y', ['x', 'y'])]).toEqual(['x', 'y']);
  expect([ids('e', 0), ids('a', 0), object('f'), object('g')]).toEqual([[1, 2], [3], {}, {}]);
});

test.each<[what: string, read: () => unknown, message: string]>([
  ['a fraction', () => fields({ a: 1.5 }).count('a', 0), "The toy config's a must be a whole number, not 1.5."],
  ['a text', () => fields({ a: '1' }).count('a', 0), 'must be a whole number, not "1".'],
  ['too much', () => fields({ a: 1e308 }).count('a', 0), 'must be a whole number of at most 16777216, not 1e+308.'],
  ['negative', () => fields({ a: -1 }).count('a', 0), 'must be a whole number, not -1.'],
  ['endless', () => fields({ a: Number.POSITIVE_INFINITY }).positive('a', 1), 'must be a number above 0, not null.'],
  ['other words', () => fields({ a: { toString: 1 } }).oneOf('a', 'x', ['x']), `a {"toString":1} is not one of x.`],
  ['an id too large', () => fields({ a: [1, 1e9] }).ids('a', 0), 'must be a whole number or a list of them'],
  ['a list for an object', () => fields({ a: [] }).object('a'), 'must be an object, not [].'],
])('refuses %s', (_, read, message) => {
  expect(read).toThrow(message);
});

test('a Git LFS pointer in place of a file is named as such', async () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 499432\n`;
  const bytes = new TextEncoder().encode(pointer);
  const message =
    /it is a Git LFS pointer in place of the file; run 'git lfs pull' in its folder, or download the file\.$/;
  expect(() => parseJson(pointer, 'config.json')).toThrow(message);
  expect(() => parseJson(bytes, 'config.json')).toThrow(message);
  await expect(openSafetensors(bytes)).rejects.toThrow(message);
  await expect(openSafetensors(new Map([['model.safetensors.index.json', bytes]]))).rejects.toThrow(message);
  await expect(openTorch(bytes)).rejects.toThrow(message);
});

test('a byte-order mark before JSON is no part of it', () => {
  const text = '\uFEFF{"a": "é"}';
  expect(parseJson(text, 'f.json')).toEqual({ a: 'é' });
  expect(parseJson(new TextEncoder().encode(text), 'f.json')).toEqual({ a: 'é' });
  const units = [...text].map((letter) => letter.charCodeAt(0));
  const utf16 = (bytes: (unit: number) => number[]) => parseJson(Uint8Array.from(units.flatMap(bytes)), 'f.json');
  expect(utf16((unit) => [unit & 255, unit >> 8])).toEqual({ a: 'é' });
  expect(utf16((unit) => [unit >> 8, unit & 255])).toEqual({ a: 'é' });
  expect(() => parseJson('{"a": \uFEFF1}', 'f.json')).toThrow('is not a JSON object');
});

test('JSON files hold an object that is not deep', () => {
  expect(parseJson('{"a": [1]}', 'f.json')).toEqual({ a: [1] });
  expect(parseJson(new TextEncoder().encode('{"a": "é"}'), 'f.json')).toEqual({ a: 'é' });
  for (const text of ['', '[]', 'null', '{', '3']) {
    expect(() => parseJson(text, 'f.json')).toThrow('f.json is not a JSON object; write or download it again.');
  }
  expect(() => parseJson(Uint8Array.of(0x7b, 0xff, 0x7d), 'f.json')).toThrow('is not a JSON object');
  const deep = (n: number): string => `{"a":${'['.repeat(n)}${']'.repeat(n)}}`;
  expect(parseJson(deep(64), 'f.json')).toHaveProperty('a');
  expect(() => parseJson(deep(65), 'f.json')).toThrow('f.json is nested more than 64 levels deep');
  expect(() => parseJson(deep(100_000), 'f.json')).toThrow('nested');
});

test('a key __proto__ is one of the file alone', () => {
  const json = parseJson('{"__proto__": {"count": 7}}', 'f.json');
  expect(fields(json).count('count', 1)).toBe(1);
  expect(({} as Record<string, unknown>).count).toBeUndefined();
});

test('values in errors are short, whatever they are', () => {
  let deep: unknown = [];
  for (let i = 0; i < 50_000; i++) deep = [deep];
  expect(show(deep).length).toBeLessThan(90);
  expect(show('x'.repeat(1000))).toHaveLength(81);
  expect([show(undefined), show(null), show([1, 'a'])]).toEqual(['nothing', 'null', '[1,"a"]']);
  expect([showWord('gulp'), showWord(3)]).toEqual(["'gulp'", '3']);
});
