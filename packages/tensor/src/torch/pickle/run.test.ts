import { expect, test } from '@jest/globals';
import { runPickle } from './run.js';
import type { Value } from './values.js';

class Refused extends Error {}

/** A pickle from opcodes as text (one letter a byte), with its protocol before and STOP behind. */
const pickle = (code: string, protocol = 2): Uint8Array =>
  Uint8Array.from(`\x80${String.fromCharCode(protocol)}${code}.`, (letter) => letter.charCodeAt(0));

const run = (code: string | Uint8Array, persistent = (): Value => null): Value =>
  runPickle(typeof code === 'string' ? pickle(code) : code, 0, { fail: (problem) => new Refused(problem), persistent })
    .value;

const dict = (...pairs: [Value, Value][]): Map<Value, Value> => new Map(pairs);
const text = (value: string): string => `X${String.fromCharCode(value.length)}\0\0\0${value}`;

test.each<[what: string, code: string, value: Value]>([
  ['None, True and False', '(N\x88\x89t', [null, true, false]],
  ['whole numbers', '(K\xffM\xff\xffJ\xfe\xff\xff\xff\x8a\0\x8a\x01\xffl', [255, 65535, -2, 0, -1]],
  ['long ones', '\x8b\x07\0\0\0\0\0\0\0\0\0\x10', 2 ** 52],
  ['longer ones', '\x8a\x09\0\0\0\0\0\0\0\0\xfc', -4n * 2n ** 64n],
  ['a float', 'G\x3f\xf8\0\0\0\0\0\0', 1.5],
  ['texts', `(${text('a')}\x8c\x02\xc3\xa9U\x01bT\x01\0\0\0ct`, ['a', 'é', 'b', 'c']],
  ['bytes', '(C\x01\xffB\x01\0\0\0\x01t', [Uint8Array.of(255), Uint8Array.of(1)]],
  ['tuples', '(K\x01\x85K\x01K\x02\x86K\x01K\x02K\x03\x87)t', [[1], [1, 2], [1, 2, 3], []]],
  ['lists', ']K\x01a(K\x02K\x03e', [1, 2, 3]],
  ['sets', '\x8f(K\x01\x90', [1]],
  ['dicts', `}K\x01K\x02s(K\x03K\x04K\x05K\x06u`, dict([1, 2], [3, 4], [5, 6])],
  ['a dict from marks', '(K\x01K\x02d', dict([1, 2])],
  ['memo', ']q\0K\x01a0h\0', [1]],
  ['newer memo', ']\x94K\x01a0h\0', [1]],
  [
    'an OrderedDict',
    `ccollections\nOrderedDict\n(K\x01K\x02\x86lR`.replace('(K', '((K').replace('lR', 'ltR'),
    dict([1, 2]),
  ],
  ['its attributes are left out', 'ccollections\nOrderedDict\n)R}b', dict()],
  [
    'bytes of protocol 2',
    `c_codecs\nencode\n${text('é')}${text('latin1')}\x86R`.replace('\x01\0\0\0é', '\x02\0\0\0\xc3\xa9'),
    Uint8Array.of(233),
  ],
  ['a key like a property', `}${text('__proto__')}K\x01s`, dict(['__proto__', 1])],
])('%s', (_, code, value) => {
  expect(run(code)).toEqual(value);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test('a persistent id is resolved', () => {
  expect(run('K\x07Q', () => 'seven')).toBe('seven');
});

test.each<[what: string, code: string, message: RegExp]>([
  [
    'os.system',
    `cos\nsystem\n${text('true')}\x85R`,
    /refers to "os\.system", which is neither a tensor nor a plain container/,
  ],
  ['posix.system by STACK_GLOBAL', `${text('posix')}${text('system')}\x93${text('true')}\x85R`, /"posix\.system"/],
  ['eval', `c__builtin__\neval\n${text('1')}\x85R`, /"__builtin__\.eval"/],
  ['getattr', 'cbuiltins\ngetattr\n', /"builtins\.getattr"/],
  ['INST', '(ios\nsystem\n', /"os\.system"/],
  ['INST of what is known', '(icollections\nOrderedDict\n', /"collections\.OrderedDict"/],
  ['a name with dots', 'ctorch._utils\n_rebuild_tensor.__globals__\n', /_rebuild_tensor\.__globals__/],
  ['a property of objects', 'cconstructor\nconstructor\n', /"constructor\.constructor"/],
  ['a whole model', 'ctorchvision.models.resnet\nResNet\n)\x81}b', /"torchvision\.models\.resnet\.ResNet"/],
  ['an endless name', `c${'a'.repeat(1000)}`, /refers to "aaa/],
  ['numpy', 'cnumpy.core.multiarray\nscalar\n', /"numpy\.core\.multiarray\.scalar"/],
  ['a call of a dtype', 'ctorch\nfloat32\n)R', /calls "torch\.float32", which is not a function/],
  ['a call of a number', 'K\x01)R', /calls a value that is not a function/],
  ['a call without a tuple', 'ccollections\nOrderedDict\nK\x01R', /calls a value that is not a function/],
  ['wrong arguments', 'ccollections\nOrderedDict\nK\x01\x85R', /"collections\.OrderedDict" with wrong arguments/],
  ['a tensor of nothing', 'ctorch._utils\n_rebuild_tensor_v2\n)R', /a tensor is not described by/],
  [
    'rebuilding that calls itself',
    'ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nNNtR',
    /wrong arguments/,
  ],
  ['the inside of a list', ']}b', /state of a value that is not an OrderedDict/],
  ['an empty stack', 'a', /pops more values than it has pushed/],
  ['taking below a mark', 'K\x01(0', /pops more values than it has pushed/],
  ['no mark', 'K\x01t', /a mark that it has not set/],
  ['no memo', 'h\x05', /recalls number 5/],
  ['a memo out of order', 'Nr\xff\xff\xff\xff', /stores a value as number 4294967295, out of order/],
  ['a key without a value', '}(K\x01u', /key without a value/],
  ['appending to a number', 'K\x01K\x02a', /appends to a value that is not a list/],
  ['items of a list', ']K\x01K\x02s', /items of a value that is not a dict/],
  ['a whole number of a megabyte', `\x8b\0\0\x10\0${'\x01'.repeat(2 ** 20)}`, /a whole number of 1048576 bytes/],
  ['no UTF-8', 'X\x01\0\0\0\xff', /not UTF-8/],
  ['an unknown opcode', 'P1\n', /the opcode "P"/],
  ['an extension', '\x82\x01', /opcode/],
])('refused: %s', (_, code, message) => {
  expect(() => run(code)).toThrow(Refused);
  expect(() => run(code)).toThrow(message);
});

test.each<[what: string, code: string]>([
  ['dicts', '}'.repeat(2 ** 20)],
  ['lists', ']'.repeat(2 ** 20)],
  ['tuples in tuples', `)${'\x85'.repeat(2 ** 20)}`],
])('%s without end are refused before they take much memory', (_, code) => {
  expect(() => run(code)).toThrow(/expand to far more than its size/);
});

test('no pickle, an old protocol, and bytes that end', () => {
  expect(() => run(Uint8Array.of(1, 2, 3))).toThrow(/no pickle where one must start/);
  expect(() => run(pickle('N', 1))).toThrow(/protocol 1/);
  expect(() => run(pickle('N').subarray(0, 3))).toThrow(); // EndOfBytes, which its reader puts into words
  expect(() => run('X\xff\xff\xff\xffa')).toThrow();
});
