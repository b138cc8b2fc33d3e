import { expect, test } from '@jest/globals';
import { graphOf } from './graphs.js';
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

test('every op has a graph whose inputs are as large as its sizes say', () => {
  expect(graphOf({ op: 'matmul', M: 2, K: 3, N: 4, transposeA: true, transposeB: false })).toMatchObject({
    inputs: { a: [3, 2], b: [3, 4] },
    output: { shape: [2, 4] },
  });
  expect(graphOf({ op: 'attention', B: 2, H: 3, Q: 4, L: 5, K: 6 })).toMatchObject({
    inputs: { q: [2, 4, 18], k: [2, 5, 18], v: [2, 5, 18] },
  });
  expect(() => graphOf({ op: 'dance' })).toThrow("there is no ONNX graph of 'dance'");
});
