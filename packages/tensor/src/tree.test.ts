import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import {
  BindError,
  bind,
  compare,
  countParameters,
  dispose,
  flatten,
  initialize,
  linear,
  linearSpec,
  normal,
  type Params,
  param,
  partition,
  unflatten,
  valueAndGrads,
  type WeightSource,
  zeros,
} from './index.js';

const spec = {
  embeddings: { weight: param([5, 3], normal(0.02)) },
  layer: [linearSpec(3, 4), linearSpec(4, 2, { bias: false })],
};

const source = (shapes: Record<string, number[]>): WeightSource & { reads: string[] } => {
  const reads: string[] = [];
  return {
    origin: 'test.safetensors',
    names: new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape, dtype: 'F32' }])),
    read: async (name) => {
      reads.push(name);
      return new Float32Array((shapes[name] as number[]).reduce((a, b) => a * b, 1)).fill(reads.length);
    },
    close: async () => {},
    reads,
  };
};

test('paths are keys joined by dots, and a tree survives being laid flat', () => {
  const tree = initialize(spec, 1);
  const flat = flatten(tree);
  expect(Object.keys(flat)).toEqual(['embeddings.weight', 'layer.0.weight', 'layer.0.bias', 'layer.1.weight']);
  expect(unflatten(spec, flat)).toEqual(tree);
  expect(countParameters(spec)).toBe(15 + 12 + 4 + 8);
  dispose(tree);
});

test('a parameter begins the same, whatever stands beside it', () => {
  const alone = initialize({ layer: [linearSpec(3, 4)] }, 7);
  const among = initialize(spec, 7);
  const other = initialize(spec, 8);
  expectClose(alone.layer[0]!.weight, among.layer[0]!.weight, 0);
  expect(() => expectClose(other.layer[0]!.weight, among.layer[0]!.weight)).toThrow();
  for (const tree of [alone, among, other]) dispose(tree);
});

test('bind loads by name, through prefix and rename', async () => {
  const file = source({
    'm.e.weight': [5, 3],
    'm.layer.0.weight': [4, 3],
    'm.layer.0.bias': [4],
    'm.layer.1.weight': [2, 4],
    'other.x': [9],
  });
  const tree: Params<typeof spec> = await bind(spec, file, {
    prefix: 'm.',
    rename: (path) => path.replace('embeddings', 'e'),
  });
  expect(tree.layer[1]!.weight.shape).toEqual([2, 4]);
  expect(file.reads).toHaveLength(4);
  dispose(tree);
});

test('bind names everything missing, unused and mis-shaped at once and reads nothing', async () => {
  const file = source({ 'embeddings.weight': [5, 4], 'layer.0.weight': [4, 3], 'layer.0.bias': [4], extra: [1] });
  await expectNoLeak(async () => {
    const error = await bind(spec, file).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(BindError);
    expect(error).toMatchObject({
      missing: ['layer.1.weight'],
      unused: ['extra'],
      misshaped: ['embeddings.weight [5,4] instead of [5,3]'],
    });
    expect((error as Error).message).toMatch(/layer\.1\.weight.*extra.*embeddings\.weight/);
  });
  expect(file.reads).toEqual([]);
});

test('a tied tensor is read from its twin when its own name is absent', () => {
  const tied = { head: param([2, 2], zeros), table: param([2, 2], zeros) };
  expect(compare(tied, source({ table: [2, 2] }), { tied: { head: 'table' } })).toMatchObject({
    missing: [],
    unused: [],
  });
});

test('what failed to load leaves nothing behind', async () => {
  const file = source({ a: [2], b: [2] });
  const failing = {
    ...file,
    read: async (name: string) => {
      if (name === 'b') throw new Error('torn');
      return new Float32Array(2);
    },
  };
  await expectNoLeak(async () => {
    await expect(bind({ a: param([2], zeros), b: param([2], zeros) }, failing)).rejects.toThrow('torn');
  });
});

test('partition covers every leaf, first rule first', () => {
  const tree = initialize(spec, 1);
  const { trainable, frozen } = partition(tree, [
    ['layer.0', 'trainable'],
    [/weight$/, 'frozen'],
  ]);
  expect(Object.keys(trainable)).toEqual(['layer.0.weight', 'layer.0.bias']);
  expect(Object.keys(frozen)).toEqual(['embeddings.weight', 'layer.1.weight']);
  const rules = [['layer.*.bias', 'frozen'] as const, ['', 'trainable'] as const];
  expect(Object.keys(partition(tree, rules).frozen)).toEqual(['layer.0.bias']);
  expect(() => partition(tree, [['layer.1', 'trainable']])).toThrow('embeddings.weight, layer.0.weight, layer.0.bias');
  dispose(tree);
});

test('valueAndGrads gives the terms and a gradient a leaf, and leaks nothing', async () => {
  const tree = initialize({ a: linearSpec(3, 2), unreached: param([2], zeros) }, 3);
  const x = tf.ones([4, 3]);
  await expectNoLeak(() => {
    const { terms, grads } = valueAndGrads(() => {
      const y = linear(tree.a, x);
      const fit = tf.mean(tf.square(y)) as tf.Scalar;
      return { total: tf.mul(fit, 2) as tf.Scalar, fit, again: fit };
    }, flatten(tree));
    expect(terms.total.dataSync()[0]).toBeCloseTo(2 * terms.fit.dataSync()[0]!, 6);
    expect(grads['a.weight']!.shape).toEqual([2, 3]);
    expect(Object.keys(grads)).toEqual(['a.weight', 'a.bias']);
    dispose(terms);
    dispose(grads);
  });
  dispose(tree);
  x.dispose();
});
