import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { dispose, firstPart, valueAndGrads } from './index.js';

const x = tf.tensor1d([1, -2, 3]);
const w = tf.tensor1d([0.5, 0.25, -1]);

test("gradients equal those of TensorFlow.js' own walk, where tensors meet, part and are used twice", () => {
  const f = (x: tf.Tensor, w: tf.Tensor): tf.Scalar => {
    const [a, b, c] = tf.split(tf.concat([tf.mul(x, w), x, tf.add(w, x)]), 3) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const same = tf.add(a, a);
    return tf.sum(tf.mul(tf.mul(same, b), tf.exp(tf.sub(c, tf.mean(c))))) as tf.Scalar;
  };
  const { terms, grads } = valueAndGrads(() => ({ total: f(x, w) }), { x, w });
  const { value, grads: right } = tf.valueAndGrads(f)([x, w]);
  expectClose(terms.total, value);
  expectClose(grads.x!, right[0]!);
  expectClose(grads.w!, right[1]!);
});

test('slopes that a gradient hands on, twice or from outside, are freed once and spare what is not theirs', async () => {
  const constant = tf.ones([3]);
  const both = tf.customGrad((...args) => {
    const [a, b] = args as [tf.Tensor, tf.Tensor];
    return { value: tf.add(a, b), gradFunc: (dy: tf.Tensor) => [dy, dy] };
  });
  const outside = tf.customGrad((...args) => ({
    value: (args[0] as tf.Tensor).clone(),
    gradFunc: () => constant,
  }));
  const run = () =>
    valueAndGrads(() => ({ total: tf.sum(outside(both(tf.neg(x), both(w, x)))) as tf.Scalar }), { x, w });
  const { terms, grads } = run();
  expectClose(grads.x!, [0, 0, 0], 0);
  expectClose(grads.w!, [1, 1, 1], 0);
  dispose({ terms, grads });
  expect(constant.isDisposed).toBe(false);
  await expectNoLeak(() => {
    const { terms, grads } = run();
    dispose({ terms, grads });
  });
});

test("what the loss does not reach has no gradient; a term may be the tensor itself, and stays the caller's", () => {
  const temperature = tf.scalar(2);
  const { terms, grads } = valueAndGrads(() => ({ total: tf.mul(temperature, 3) as tf.Scalar, temperature }), {
    temperature,
    x,
  });
  expect(Object.keys(grads)).toEqual(['temperature']);
  dispose({ terms, grads });
  expectClose(temperature, [2]);
});

test('memory falls on the way back: what ops have saved is freed as they are passed', () => {
  const most: number[] = [];
  const watch = tf.customGrad((...args) => ({
    value: (args[0] as tf.Tensor).clone(),
    gradFunc: (dy: tf.Tensor) => {
      most.push(tf.memory().numDataBuffers);
      return dy.clone();
    },
  }));
  const { terms, grads } = valueAndGrads(
    () => {
      let y: tf.Tensor = x;
      for (let i = 0; i < 10; i++) y = tf.tidy(() => tf.sin(watch(tf.exp(tf.neg(y)))));
      return { total: tf.sum(y) as tf.Scalar };
    },
    { x },
  );
  expect(most).toHaveLength(10);
  for (let i = 1; i < 10; i++) expect(most[i]).toBeLessThan(most[i - 1]!);
  dispose({ terms, grads });
});

test('an error on the way leaves nothing behind', async () => {
  const broken = tf.customGrad((...args) => ({
    value: (args[0] as tf.Tensor).clone(),
    gradFunc: (): tf.Tensor => {
      throw new Error('broken');
    },
  }));
  const run = (f: (x: tf.Tensor) => tf.Tensor) => () =>
    valueAndGrads(() => ({ total: tf.sum(tf.exp(f(tf.sin(x)))) as tf.Scalar }), { x });
  await expectNoLeak(() => expect(run(broken)).toThrow('broken'));
  const forward = (): tf.Tensor => {
    throw new Error('forward');
  };
  await expectNoLeak(() => expect(run(forward)).toThrow('forward'));
  const wrong = tf.customGrad((...args) => ({ value: (args[0] as tf.Tensor).clone(), gradFunc: () => tf.zeros([2]) }));
  await expectNoLeak(() => expect(run(wrong)).toThrow('must be float32 [3], but is float32 [2]'));
});

test('onGradient is called with each gradient when it is final, those of the last layers first', () => {
  const [first, last, unused] = [tf.tensor1d([1, 2, 3]), tf.tensor1d([2, 1, 0]), tf.ones([3])];
  const called: [string, number[]][] = [];
  const { grads } = valueAndGrads(
    () => {
      const hidden = tf.mul(first, x);
      const result = tf.mul(tf.tanh(hidden), last);
      return { total: tf.sum(tf.add(result, tf.mul(last, last))) as tf.Scalar };
    },
    { first, last, unused },
    (path, gradient) => called.push([path, [...gradient.dataSync()]]),
  );
  expect(called.map(([path]) => path)).toEqual(['last', 'first']);
  for (const [path, values] of called) expect(values).toEqual([...grads[path]!.dataSync()]);
});

test('a forward pass in two parts, with other work between them, has the gradients of one', async () => {
  const encode = () => {
    const hidden = tf.tanh(tf.mul(x, w));
    return { hidden, feature: tf.mul(hidden, tf.exp(w)) };
  };
  const rest = ({ hidden }: ReturnType<typeof encode>) => ({
    total: tf.sum(tf.mul(tf.square(hidden), x)) as tf.Scalar,
  });
  const slope = tf.tensor1d([2, -1, 0.5]);
  await expectNoLeak(async () => {
    const expected = valueAndGrads(
      () => {
        const encoded = encode();
        const { total } = rest(encoded);
        return { total: tf.add(total, tf.sum(tf.mul(encoded.feature, slope))) as tf.Scalar };
      },
      { x, w },
    );
    const first = firstPart(encode);
    await first.result.feature.data();
    const { terms, grads } = first.finish(
      () => rest(first.result),
      { x, w },
      { slopes: [[first.result.feature, slope]] },
    );
    first.dispose();
    expectClose(grads.x!, expected.grads.x!);
    expectClose(grads.w!, expected.grads.w!);
    dispose({ terms, grads, expected } as never);
  });
  expect(slope.dataSync()).toEqual(Float32Array.from([2, -1, 0.5]));
  await expectNoLeak(() => {
    const unused = firstPart(encode);
    unused.dispose();
    expect(() =>
      firstPart(() => {
        encode();
        throw new Error('no features');
      }),
    ).toThrow('no features');
  });
});
