import { rng } from '@blip2/tensor';
import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { attend, attentionWeights } from './attend.js';
import { additiveMask, causalMask } from './masks.js';

const random = (shape: number[], seed: number): tf.Tensor => {
  const next = rng(seed);
  return tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => 2 * next() - 1),
    shape,
  );
};

/** One query of one head by plain loops; `bias` gives what is added to the score of each key. */
function attendOne(q: number[], k: number[][], v: number[][], bias: (key: number) => number): number[] {
  const scores = k.map((row, l) => row.reduce((sum, x, i) => sum + x * q[i]!, 0) / Math.sqrt(q.length) + bias(l));
  const top = Math.max(...scores);
  const weights = scores.map((s) => Math.exp(s - top));
  const total = weights.reduce((a, b) => a + b, 0);
  return v[0]!.map((_, i) => v.reduce((sum, row, l) => sum + (weights[l]! / total) * row[i]!, 0));
}

function plain(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, bias: (at: { b: number; i: number; l: number }) => number) {
  const [Q, K, V] = [q, k, v].map((x) => x.arraySync() as number[][][][]) as [
    number[][][][],
    number[][][][],
    number[][][][],
  ];
  return Q.flatMap((heads, b) =>
    heads.flatMap((rows, h) =>
      rows.flatMap((row, i) => attendOne(row, K[b]![h]!, V[b]![h]!, (l) => bias({ b, i, l }))),
    ),
  );
}

const keep = tf.tensor2d([1, 1, 1, 1, 0, 1, 1, 0, 1, 0], [2, 5], 'int32');
const keepAt = (b: number, l: number): number => keep.arraySync()[b]![l]!;

test('equals plain loops without a mask, with a padding mask and causally', () => {
  const [q, k, v] = [random([2, 3, 4, 6], 1), random([2, 3, 5, 6], 2), random([2, 3, 5, 7], 3)] as const;
  expectClose(
    attend(q, k, v),
    plain(q, k, v, () => 0),
    1e-6,
  );
  const mask = additiveMask(keep);
  expectClose(
    attend(q, k, v, { mask }),
    plain(q, k, v, ({ b, l }) => (keepAt(b, l) ? 0 : -1e4)),
    1e-6,
  );
  const afterTheLast = plain(q, k, v, ({ i, l }) => (l > i + 1 ? -1e4 : 0));
  expectClose(attend(q, k, v, { causal: true }), afterTheLast, 1e-6);
  expectClose(attend(q, k, v, { mask: causalMask(4, 5, 1) }), afterTheLast, 1e-6);
  expectClose(
    attend(q, k, v, { causal: { offset: 0 } }),
    plain(q, k, v, ({ i, l }) => (l > i ? -1e4 : 0)),
    1e-6,
  );
  const both = plain(q, k, v, ({ b, i, l }) => (l > i + 1 ? -1e4 : 0) + (keepAt(b, l) ? 0 : -1e4));
  expectClose(attend(q, k, v, { mask, causal: true }), both, 1e-6);
});

test('gradients by queries, keys and values agree with finite differences under broadcast masks', () => {
  const weight = random([2, 2, 3, 4], 9);
  const inputs = [random([2, 2, 3, 4], 1), random([2, 2, 5, 4], 2), random([2, 2, 5, 4], 3)];
  const perHead = random([1, 2, 1, 5], 4);
  for (const options of [{}, { mask: additiveMask(keep) }, { mask: perHead, scale: 1, causal: true }]) {
    checkGradients((q, k, v) => tf.mul(weight, attend(q!, k!, v!, options)), inputs, { tolerance: 2e-3 });
  }
});

test('the gradient of dropped probabilities drops the same ones', () => {
  const inputs = [random([1, 2, 3, 4], 1), random([1, 2, 5, 4], 2), random([1, 2, 5, 4], 3)];
  const weight = random([1, 2, 3, 4], 9);
  const dropout = { rate: 0.4, training: true, seed: 7 };
  checkGradients((q, k, v) => tf.mul(weight, attend(q!, k!, v!, { dropout })), inputs, { tolerance: 2e-3 });
  const [q, k, v] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor];
  expectClose(attend(q, k, v, { dropout: { ...dropout, training: false } }), attend(q, k, v));
});

test('a mask made from the inputs gets no gradient', () => {
  const [k, v] = [random([1, 1, 3, 2], 2), random([1, 1, 3, 2], 3)] as const;
  const byMask = tf.grad((m) => tf.add(tf.sum(attend(k, k, v, { mask: tf.reshape(m, [1, 1, 1, 3]) })), tf.sum(m)));
  expectClose(byMask(tf.tensor1d([0.1, 0.2, 0.3])), [1, 1, 1], 0);
});

test('a fully masked row is finite, and its gradient too', () => {
  const [q, k, v] = [random([1, 2, 3, 4], 1), random([1, 2, 5, 4], 2), random([1, 2, 5, 4], 3)] as const;
  for (const value of [-10000, -1e9, -3.4e38]) {
    const mask = additiveMask(tf.zeros([1, 5]), value);
    expect(tf.all(tf.isFinite(attend(q, k, v, { mask }))).dataSync()[0]).toBe(1);
    for (const gradient of tf.grads((q, k, v) => tf.sum(attend(q, k, v, { mask })))([q, k, v])) {
      expect(tf.all(tf.isFinite(gradient)).dataSync()[0]).toBe(1);
    }
  }
});

test('shapes hold for any sizes, and masked keys have weight 0', () => {
  const size = fc.integer({ min: 1, max: 4 });
  fc.assert(
    fc.property(size, size, size, size, size, (B, H, Q, L, K) => {
      tf.tidy(() => {
        const [q, k] = [random([B, H, Q, K], Q), random([B, H, L + 1, K], L)] as const;
        const mask = additiveMask(tf.tensor2d(Array.from({ length: B }, () => [...Array(L).fill(1), 0])));
        expect(attend(q, k, k, { mask }).shape).toEqual([B, H, Q, K]);
        const weights = attentionWeights(q, k, { mask });
        expect(weights.shape).toEqual([B, H, Q, L + 1]);
        expectClose(tf.sum(weights, -1), new Float32Array(B * H * Q).fill(1));
        expectClose(tf.slice(weights, [0, 0, 0, L]), new Float32Array(B * H * Q), 0);
      });
    }),
    { numRuns: 30, seed: 1 },
  );
});

test('leaves nothing behind, forward or backward', async () => {
  const [q, k] = [random([1, 2, 3, 4], 1), random([1, 2, 5, 4], 2)] as const;
  const mask = additiveMask(tf.ones([1, 5]));
  await expectNoLeak(() => attend(q, k, k, { mask, causal: true }).dispose());
  await expectNoLeak(() => attentionWeights(q, k).dispose());
  await expectNoLeak(() => {
    for (const g of tf.grads((q, k) => tf.sum(attend(q, k, k, { mask, causal: true })))([q, k])) g.dispose();
  });
});

test('shapes that do not belong together are named', () => {
  const [q, k] = [random([2, 2, 3, 4], 1), random([2, 2, 5, 4], 2)] as const;
  expect(() => attend(q, random([2, 1, 5, 4], 1), k)).toThrow('[2,1,5,4]');
  expect(() => attend(q, k, random([2, 2, 4, 4], 1))).toThrow('[2,2,4,4]');
  expect(() => attend(q, k, k, { mask: tf.zeros([3, 1, 1, 5]) })).toThrow(
    'does not broadcast to [B,H,Q,L] = [2,2,3,5]',
  );
});
