import { expect, test } from '@jest/globals';
import { parseCsv, toCsv, toTabbed } from './csv.js';

const rows = [
  ['file', 'caption'],
  ['a,b.png', 'a "red" apple'],
  ['c.png', 'two\nlines'],
  ['', 'x'],
];

test('what is written is read again', () => {
  expect(parseCsv(toCsv(rows))).toEqual(rows);
  expect(toCsv(rows)).toContain('"a ""red"" apple"\r\n');
});

test('reads what other programs write', () => {
  expect(parseCsv('\u{FEFF}a,b\n1,\n\n"x ""y""",z')).toEqual([
    ['a', 'b'],
    ['1', ''],
    ['x "y"', 'z'],
  ]);
  expect(parseCsv('a,')).toEqual([['a', '']]);
  expect(() => parseCsv('a\n"b')).toThrow('The CSV has a quote in row 2 that does not end.');
});

test('a caption is no formula', () => {
  expect(toCsv([['=1+1', '-x']])).toBe(`\u{FEFF}'=1+1,'-x\r\n`);
});

test('for the clipboard, a row is a line', () => {
  expect(toTabbed(rows)).toBe('file\tcaption\na,b.png\ta "red" apple\nc.png\ttwo lines\n\tx');
});
