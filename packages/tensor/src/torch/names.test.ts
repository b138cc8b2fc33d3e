import { expect, test } from '@jest/globals';
import { tensorsOf } from './names.js';
import type { TorchTensor, Value } from './pickle/values.js';

const storage = { kind: 'storage', key: '0', dtype: 'F32', start: 0, size: 1 } as const;
const tensor: TorchTensor = { kind: 'tensor', storage, dtype: 'F32', shape: [1], strides: [1], offset: 0 };
const fail = (problem: string) => new Error(problem);
const dict = (...pairs: [Value, Value][]): Map<Value, Value> => new Map(pairs);
const many = (count: number, value: Value): Map<Value, Value> =>
  new Map(Array.from({ length: count }, (_, i) => [i, value]));

test('a dict within itself, and one that is there many times, are refused before they unfold', () => {
  const own = dict(['w', tensor]);
  own.set('own', own);
  expect(() => tensorsOf(own, fail)).toThrow(/nested too deep/);
  expect(() => tensorsOf(many(100, many(100, many(100, tensor))), fail)).toThrow(/too large/);
  expect(() => tensorsOf(dict(['a'.repeat(2 ** 20), many(1000, tensor)]), fail)).toThrow(/too large/);
});

test('what is no tensor is left out, and the first of the usual keys is taken', () => {
  const state = dict(['a', dict(['w', tensor])], ['epoch', 3], ['list', [tensor]]);
  expect([...tensorsOf(state, fail).keys()]).toEqual(['a.w']);
  expect([...tensorsOf(dict(['module', dict(['x', tensor])], ['state_dict', state]), fail).keys()]).toEqual(['a.w']);
  expect([...tensorsOf(dict(['model', tensor], ['w', tensor]), fail).keys()]).toEqual(['model', 'w']);
  expect([...tensorsOf(tensor, fail).keys()]).toEqual(['']);
  expect(() => tensorsOf(3, fail)).toThrow(/no tensors in it/);
  let nested: Value = [];
  for (let i = 0; i < 64; i++) nested = [nested, nested]; // as text, it would not end
  expect(() => tensorsOf(dict([nested, 1], ['a', 1]), fail)).toThrow(/no tensors in it; its top-level keys are "a"$/);
});
