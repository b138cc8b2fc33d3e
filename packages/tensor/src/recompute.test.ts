import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { dispose, recompute, valueAndGrads } from './index.js';
import { dropout } from './ops/dropout.js';

const random = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);

/** A layer of two outputs, one of its inputs unused, with dropout; `rows` are whole numbers. */
function layer({
  p,
  x,
  rows,
}: {
  p: { w: tf.Tensor; b: tf.Tensor; unused: tf.Tensor };
  x: tf.Tensor;
  rows?: tf.Tensor;
}): tf.Tensor[] {
  const picked = rows ? tf.gather(x, rows as tf.Tensor1D) : x;
  const y = tf.add(tf.matMul(picked as tf.Tensor2D, p.w as tf.Tensor2D), p.b);
  return [tf.tanh(dropout(y, 0.3, { training: true, seed: 4 })), tf.sum(tf.square(y), 1)];
}
const loss = ([a, b]: readonly tf.Tensor[]): tf.Scalar =>
  tf.add(tf.sum(tf.square(a!)), tf.sum(tf.sin(b!))) as tf.Scalar;

const inputs = () => ({ p: { w: random([3, 4], 1), b: random([4], 2), unused: random([2], 3) }, x: random([5, 3], 4) });

test('values and gradients are those of the function itself, in a chain of two', () => {
  const { p, x } = inputs();
  const q = { ...p, w: random([4, 4], 5) };
  const flat = { w: p.w, b: p.b, unused: p.unused, v: q.w, x };
  const chain = (run: (all: { p: typeof p; x: tf.Tensor; rows?: tf.Tensor }) => tf.Tensor[]) =>
    valueAndGrads(() => {
      const [y, sums] = tf.tidy(() => run({ p, x, rows: tf.tensor1d([4, 0, 0, 2, 1], 'int32') })) as [
        tf.Tensor,
        tf.Tensor,
      ];
      return { total: tf.add(loss(run({ p: q, x: y })), tf.mean(sums)) as tf.Scalar };
    }, flat);
  const plain = chain(layer);
  const again = chain((all) => recompute(all, layer));
  expectClose(again.terms.total, plain.terms.total);
  for (const [name, grad] of Object.entries(plain.grads)) expectClose(again.grads[name]!, grad, 1e-5);
  expectClose(again.grads.unused!, [0, 0], 0);
});

test("it works under TensorFlow.js' own walk too", () => {
  const of = (run: (all: ReturnType<typeof inputs>) => tf.Tensor[]) =>
    tf.grads((w, x) => loss(run({ p: { ...inputs().p, w: w! }, x: x! })))([random([3, 4], 1), random([5, 3], 4)]);
  const plain = of(layer);
  for (const [i, grad] of of((all) => recompute(all, layer)).entries()) expectClose(grad, plain[i]!, 1e-5);
});

test('the tape keeps inputs alone, and nothing leaks', async () => {
  const { p, x } = inputs();
  let runs = 0;
  const deep = ({ x }: { x: tf.Tensor }): tf.Tensor[] => {
    runs++;
    let y = x;
    for (let i = 0; i < 20; i++) y = tf.sin(y);
    return [y];
  };
  const held = (run: (all: { x: tf.Tensor }) => tf.Tensor[]): number => {
    let tensors = 0;
    const before = tf.memory().numDataBuffers;
    const { terms, grads } = valueAndGrads(
      () => {
        const y = tf.tidy(() => tf.sum(run({ x })[0]!)) as tf.Scalar;
        tensors = tf.memory().numDataBuffers - before;
        return { total: y };
      },
      { x },
    );
    dispose(terms);
    dispose(grads);
    return tensors;
  };
  expect(held((all) => recompute(all, deep))).toBeLessThan(4);
  expect(runs).toBe(2);
  expect(held(deep)).toBeGreaterThan(18);
  await expectNoLeak(() => held((all) => recompute(all, deep)));
  await expectNoLeak(() => tf.dispose(recompute({ p, x }, layer)));
  expect(() => valueAndGrads(() => ({ total: recompute({ x }, () => broken(x))[0] as tf.Scalar }), { x })).toThrow(
    'broken',
  );
});

const broken = (_: tf.Tensor): tf.Tensor[] => {
  throw new Error('broken');
};
