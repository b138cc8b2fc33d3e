import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { memorySource } from './bytes.js';
import { SafetensorsError } from './errors.js';
import { openSafetensors } from './open.js';
import { encodeSafetensors } from './write.js';

function file(header: string | Uint8Array, dataBytes = 0, length?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (dtype: string, shape: string, offsets: string) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
const one = (dtype: string, shape: string, offsets: string, dataBytes: number) =>
  file(`{"w":${entry(dtype, shape, offsets)}}`, dataBytes);
const two = (first: string, second: string, dataBytes: number) =>
  file(`{"a":${entry('U8', '[4]', first)},"b":${entry('U8', '[4]', second)}}`, dataBytes);

const HOSTILE: [what: string, bytes: Uint8Array, message: RegExp][] = [
  ['empty', new Uint8Array(0), /0 bytes, too few/],
  ['7 bytes', new Uint8Array(7), /7 bytes, too few/],
  ['length beyond the file', file('{}', 0, 3n), /should have 3 bytes, but the file has only 10/],
  ['length of 2^64 - 1', file('{}', 0, 2n ** 64n - 1n), /18446744073709551615 bytes/],
  ['length 0', file(''), /"\{" is missing at character 0/],
  ['not JSON', file('hello'), /not the JSON/],
  ['HTML', file('<!DOCTYPE html><html>'), /not the JSON/],
  ['not UTF-8', file(Uint8Array.of(0x7b, 0xff, 0x7d)), /not UTF-8/],
  ['a byte order mark', file('\ufeff{}'), /not the JSON/],
  ['an array', file('[]'), /not the JSON/],
  ['cut JSON', file('{"w":{"dtype":"F32"'), /not the JSON/],
  ['cut string', file('{"w'), /a string that ends/],
  ['a line break in a string', file('{"a\nb":1}'), /a string that ends/],
  ['wrong escape', file('{"\\x":1}'), /wrong escape/],
  ['text after the end', file('{} {}'), /the end is missing at character 3/],
  ['trailing comma', file('{"__metadata__":{},}'), /not the JSON/],
  ['tensor twice', file(`{"w":${entry('U8', '[0]', '[0,0]')},"w":${entry('U8', '[0]', '[0,0]')}}`), /"w" occurs twice/],
  ['tensor twice by escape', file(`{"w":${entry('U8', '[0]', '[0,0]')},"\\u0077":{}}`), /"w" occurs twice/],
  ['field twice', file('{"w":{"dtype":"U8","dtype":"F32"}}'), /"w": the key "dtype" occurs twice/],
  ['metadata twice', file('{"__metadata__":{},"__metadata__":{}}'), /occurs twice/],
  ['metadata not texts', file('{"__metadata__":{"a":1}}'), /not the JSON/],
  ['metadata a list', file('{"__metadata__":[]}'), /not the JSON/],
  ['entry a number', file('{"w":1}'), /"w": .*not the JSON/],
  ['entry null', file('{"w":null}'), /"w": .*not the JSON/],
  ['entry a list', file('{"w":[]}'), /"w": .*not the JSON/],
  ['entry empty', file('{"w":{}}'), /"w": .*missing/],
  ['one offset', one('U8', '[0]', '[0]', 0), /data_offsets are missing/],
  ['three offsets', one('U8', '[0]', '[0,0,0]', 0), /more than 2/],
  ['unknown dtype', one('F33', '[1]', '[0,4]', 4), /dtype "F33" is not known/],
  ['dtype of Object', one('constructor', '[1]', '[0,4]', 4), /"constructor" is not known/],
  ['negative size', one('F32', '[-1]', '[0,4]', 4), /-1 is not a whole number/],
  ['minus zero', one('F32', '[-0]', '[0,0]', 0), /-0 is not a whole number/],
  ['fraction', one('F32', '[1.5]', '[0,6]', 6), /1.5 is not a whole number/],
  ['exponent', one('F32', '[1e0]', '[0,4]', 4), /1e0 is not a whole number/],
  ['leading zero', one('F32', '[01]', '[0,4]', 4), /not the JSON/],
  ['size as text', one('F32', '["1"]', '[0,4]', 4), /a number is missing/],
  ['size null', one('F32', '[null]', '[0,4]', 4), /a number is missing/],
  ['size 2^53', one('F32', '[9007199254740992]', '[0,4]', 4), /not a whole number/],
  ['a number of 1000 digits', one('F32', `[${'9'.repeat(1000)}]`, '[0,4]', 4), /a number is missing/],
  ['product overflow', one('F32', '[4294967296,4294967296]', '[0,4]', 4), /too large/],
  ['product overflow to zero', one('F32', '[4294967296,4294967296,0]', '[0,0]', 0), /too large/],
  ['a petabyte', one('F32', '[1000000000000]', '[0,4000000000000]', 4), /only 4/],
  ['rank 65', one('U8', `[${Array(65).fill(1)}]`, '[0,1]', 1), /more than 64/],
  ['range too short', one('F32', '[2]', '[0,4]', 4), /takes 8 bytes/],
  ['range backwards', one('F32', '[1]', '[4,0]', 4), /takes 4 bytes/],
  ['range beyond the file', one('F32', '[2]', '[0,8]', 4), /ends at byte 8/],
  ['gap at the start', one('F32', '[1]', '[4,8]', 8), /4 bytes before tensor "w"/],
  ['bytes after the end', one('F32', '[1]', '[0,4]', 8), /4 bytes after the last/],
  ['overlap', two('[0,4]', '[2,6]', 6), /"b" overlaps/],
  ['same range', two('[0,4]', '[0,4]', 4), /"b" overlaps/],
  ['gap', two('[0,4]', '[5,9]', 9), /1 bytes before tensor "b"/],
  ['deep nesting in an entry', file(`{"w":{"x":${'['.repeat(1e6)}`), /nested more than 32/],
  ['deep nesting of objects', file(`{"w":{"x":${'{"a":'.repeat(1e6)}`), /nested more than 32/],
  ['deep nesting at the top', file('['.repeat(1e6)), /not the JSON/],
];

test.each(HOSTILE)('refused: %s', async (_, bytes, message) => {
  const opened = openSafetensors(bytes, { name: 'x.safetensors' });
  await expect(opened).rejects.toThrow(SafetensorsError);
  await expect(opened).rejects.toThrow(message);
  await expect(opened).rejects.toThrow(/^x\.safetensors: .*download or write it again\.$/s);
});

test('a header beyond the limit is refused before it is read', async () => {
  const prefix = file('', 0, 100_000_001n);
  const reads: number[] = [];
  const source = { ...memorySource(prefix), size: 2e9 };
  const counted = {
    ...source,
    read: async (at: number, length: number) => {
      reads.push(length);
      return source.read(at, length);
    },
  };
  await expect(openSafetensors(counted)).rejects.toThrow(/more than the limit of 100000000/);
  expect(reads).toEqual([8]);
});

test('names of Object.prototype are plain names', async () => {
  const names = ['__proto__', 'constructor', 'toString', '', 'a"b\\c\u0000', 'é\u{1f600}'];
  const bytes = encodeSafetensors(
    names.map((name, i) => ({ name, dtype: 'F32', shape: [], data: Float32Array.of(i) })),
    { metadata: JSON.parse('{"__proto__":"x"}') },
  );
  const source = await openSafetensors(bytes);
  expect([...source.names.keys()].sort()).toEqual([...names].sort());
  for (const [i, name] of names.entries()) expect([...(await source.read(name))]).toEqual([i]);
  expect([...source.metadata]).toEqual([['__proto__', 'x']]);
  await expect(source.read('hasOwnProperty')).rejects.toThrow(/no tensor "hasOwnProperty"/);
});

test('white space, escapes and unknown fields are read over', async () => {
  const text =
    '{ "__metadata__" : {"a":"\\u0062"} ,\n"w": {"x":[{"y":[true,false,null,"z",-1.5e3,{}]}],"shape":[ 1 ,2],';
  const source = await openSafetensors(file(`${text}"dtype":"U8","data_offsets":[0,2]}}   \n`, 2));
  expect(source.metadata.get('a')).toBe('b');
  expect(source.names.get('w')).toMatchObject({ dtype: 'U8', shape: [1, 2] });
});

const VALID = encodeSafetensors(
  [
    { name: 'layer.weight', dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: 'layer.bias', dtype: 'F16', shape: [3], data: Float32Array.of(1, 2, 3) },
    { name: 'ids', dtype: 'I32', shape: [2], data: Int32Array.of(7, 8) },
    { name: 'mask', dtype: 'U8', shape: [2, 1], data: Uint8Array.of(1, 0) },
  ],
  { metadata: { format: 'pt' } },
);

/** Loads everything and checks that it is consistent, or fails clearly. */
async function loadOrRefuse(bytes: Uint8Array): Promise<boolean> {
  try {
    const source = await openSafetensors(bytes);
    for (const [name, { shape }] of source.names) {
      expect((await source.readRaw(name)).shape).toEqual(shape);
      expect((await source.read(name)).length).toBe(shape.reduce((a, b) => a * b, 1));
    }
    return true;
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    return /no conversion/.test(error.message);
  }
}

test('2,000 mutated files load or are refused clearly', async () => {
  const place = fc.nat(VALID.length - 1);
  const text = fc.constantFrom(
    ...'{}[]",:0123456789-.eE\\ntu\u0000_abF'.split(''),
    '[[[[',
    '999999999999',
    'null',
    '-1',
  );
  const letter = fc.constantFrom(...'abFI 0123456789_'.split('')).map((t) => new TextEncoder().encode(t));
  const mutation = fc.oneof(
    fc.record({ at: place, cut: fc.constant(1), put: letter, fix: fc.constant(false) }),
    fc.record({ at: place, cut: fc.nat(4), put: text.map((t) => new TextEncoder().encode(t)), fix: fc.boolean() }),
    fc.record({ at: place, cut: fc.nat(40), put: fc.uint8Array({ maxLength: 4 }), fix: fc.boolean() }),
    fc.record({ at: place, cut: fc.constant(VALID.length), put: fc.constant(new Uint8Array()), fix: fc.boolean() }),
  );
  let loaded = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
      let bytes = VALID;
      for (const { at, cut, put, fix } of mutations) {
        const before = bytes.length;
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...put, ...bytes.subarray(at + cut)]);
        // With the length corrected, more mutations get past the first check.
        if (fix && bytes.length > 8) {
          const view = new DataView(bytes.buffer);
          view.setBigUint64(0, BigInt.asUintN(64, view.getBigUint64(0, true) + BigInt(bytes.length - before)), true);
        }
      }
      if (await loadOrRefuse(bytes)) loaded++;
    }),
    { numRuns: 2000, seed: 2 },
  );
  expect(loaded).toBeGreaterThan(50);
  expect(loaded).toBeLessThan(1950);
});
