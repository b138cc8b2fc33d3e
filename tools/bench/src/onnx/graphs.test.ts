import { expect, test } from '@jest/globals';
import { graphOf } from './graphs.js';

test('every op has a graph whose inputs are as large as its sizes say', () => {
  expect(graphOf({ op: 'matmul', M: 2, K: 3, N: 4, transposeA: true, transposeB: false })).toMatchObject({
    inputs: { a: [3, 2], b: [3, 4] },
    output: { shape: [2, 4] },
  });
  expect(graphOf({ op: 'attention', B: 2, H: 3, Q: 4, L: 5, K: 6 })).toMatchObject({
    inputs: { q: [2, 4, 18], k: [2, 5, 18], v: [2, 5, 18] },
  });
  expect(graphOf({ op: 'attention', B: 2, H: 3, Q: 4, L: 5, K: 6, causal: true, biased: true })).toMatchObject({
    nodes: [{ inputs: ['q', 'k', 'v', '', '', 'bias'], attributes: { num_heads: 3, unidirectional: 1 } }],
    inputs: { q: [2, 4, 18], bias: [1, 3, 4, 5] },
  });
  expect(() => graphOf({ op: 'dance' })).toThrow("there is no ONNX graph of 'dance'");
});
