import { expect, test } from '@jest/globals';
import { onnxModel } from './model.js';
import { bytes, float, int, text, varint } from './protobuf.js';

const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

test('numbers are seven bits a byte, the least first', () => {
  expect([0, 1, 127, 128, 300, 2 ** 40].map((value) => hex(varint(value)))).toEqual([
    '00',
    '01',
    '7f',
    '8001',
    'ac02',
    '808080808020',
  ]);
  expect(() => varint(-1)).toThrow('A varint is a whole number from 0, not -1.');
});

test('fields say their number and kind, and how long they are', () => {
  expect(hex(int(1, 150))).toBe('089601');
  expect(hex(text(2, 'testing'))).toBe('120774657374696e67');
  expect(hex(bytes(3, int(1, 150)))).toBe('1a03089601');
  expect(hex(float(2, 1))).toBe('150000803f');
});

test('a model has the fields of onnx.proto3, each with its length', () => {
  const model = onnxModel({
    nodes: [{ op: 'Gemm', inputs: ['a', 'w'], output: 'y', attributes: { transB: 1, alpha: 0.5 } }],
    inputs: { a: [2, 3] },
    output: { name: 'y', shape: [2, 1] },
    constants: { w: { shape: [1, 3], values: Float32Array.of(1, 2, 3) } },
  });
  const node = '0a310a01610a0177120179220447656d6d2a0d0a067472616e73421801a001022a0f0a05616c706861150000003fa001013a00';
  const weight = '2a17080108031001420177' + '4a0c' + '0000803f' + '00000040' + '00004040';
  const value = (field: string, name: string, last: string) =>
    `${field}13${'0a01'}${name}120e0a0c080112080a0208020a0208${last}`;
  const graph = `${node}12056772617068${weight}${value('5a', '61', '03')}${value('62', '79', '01')}`;
  const opsets = '42040a001014' + '42110a0d636f6d2e6d6963726f736f66741001';
  const size = hex(varint(graph.length / 2));
  expect(hex(model)).toBe(`0809${opsets}3a${size}${graph}`);
});

test('lists of whole numbers, constants of int64 and sizes with a name have fields of their own', () => {
  const model = onnxModel({
    nodes: [{ op: 'Reshape', inputs: ['a', 's'], output: 'y', attributes: { perm: [0, 2] } }],
    inputs: { a: ['n'] },
    output: { name: 'y', shape: ['n', 1] },
    constants: { s: { shape: [1], values: BigInt64Array.of(1n) } },
  });
  expect(hex(model)).toContain('2a0d0a047065726d40004002a00107');
  expect(hex(model)).toContain(`2a1108011007420173${'4a08'}0100000000000000`);
  expect(hex(model)).toContain('0a0312016e');
});
