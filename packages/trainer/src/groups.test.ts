import { expect, test } from '@jest/globals';
import { lavisWeightDecay, layerwiseLrDecay, matrixWeightDecay } from './groups.js';

test('the released rule decays scalars, query tokens and embeddings, but no vectors and biases', () => {
  expect(lavisWeightDecay('temp', [])).toBe(true);
  expect(lavisWeightDecay('query_tokens', [1, 32, 768])).toBe(true);
  expect(lavisWeightDecay('embeddings.LayerNorm.weight', [768])).toBe(false);
  expect(lavisWeightDecay('q_bias', [768])).toBe(false);
  expect(lavisWeightDecay('dense.bias', [1, 768])).toBe(false);
});

test('the usual rule spares scalars and layer norms as well', () => {
  expect(matrixWeightDecay('temp', [])).toBe(false);
  expect(matrixWeightDecay('dense.weight', [4, 4])).toBe(true);
  expect(matrixWeightDecay('output.LayerNorm.weight', [2, 2])).toBe(false);
  expect(matrixWeightDecay('layernorm.weight', [2, 2])).toBe(false);
});

test('layer-wise rates fall from the last block to the embeddings', () => {
  const layerOf = (path: string) =>
    path.startsWith('blocks.') ? Number(path.split('.')[1]) + 1 : path === 'pos' ? 0 : undefined;
  const scale = layerwiseLrDecay({ decay: 0.95, blocks: 39, layerOf });
  expect(scale('blocks.38.mlp')).toBeCloseTo(0.95, 12);
  expect(scale('blocks.0.mlp')).toBeCloseTo(0.95 ** 39, 12);
  expect(scale('pos')).toBeCloseTo(0.95 ** 40, 12);
  expect(scale('query_tokens')).toBe(1);
});
