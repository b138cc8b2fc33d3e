import { dispose, dropout, type Flat, hash, type LossTerms, valueAndGrads } from '@blip2/tensor';
import { expectClose, expectNoLeak, processes } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { adamw } from './adamw.js';
import { type AllFeatures, type GradCacheLoss, gradCache } from './grad-cache.js';
import type { LossInput } from './position.js';
import { constantLr } from './schedules.js';
import { train } from './train.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

interface Pairs {
  readonly x: tf.Tensor2D;
  readonly y: tf.Tensor2D;
  readonly ids: tf.Tensor1D;
}

/** Two towers with dropout and a temperature, and beside their contrast a loss of pairs that needs the count of all. */
const towers: GradCacheLoss<Pairs, number, Record<'total' | 'contrast' | 'fit', tf.Scalar>> = {
  encode({ trainable, batch: { x, y, ids }, seed }) {
    const side = (input: tf.Tensor2D, name: 'x' | 'y') =>
      dropout(tf.tanh(tf.matMul(input, trainable[name] as tf.Tensor2D)), 0.3, {
        training: true,
        seed: hash(seed, name),
      });
    const features = { x: side(x, 'x'), y: side(y, 'y') };
    const losses = (count: number) => {
      const fit = tf.div(tf.sum(tf.square(tf.sub(features.x, tf.mul(features.y, trainable.w as tf.Tensor)))), count);
      return { total: fit as tf.Scalar, fit: fit as tf.Scalar };
    };
    return { features, labels: { ids }, losses };
  },
  compare({ features: { x, y }, labels: { ids }, trainable }) {
    const scores = tf.div(tf.matMul(x as tf.Tensor2D, y as tf.Tensor2D, false, true), trainable.temp as tf.Tensor);
    const same = tf.cast(tf.equal(tf.expandDims(ids as tf.Tensor, 1), tf.expandDims(ids as tf.Tensor, 0)), 'float32');
    const target = tf.div(same, tf.sum(same, 1, true));
    const contrast = tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(scores)), 1))) as tf.Scalar;
    return { total: contrast, contrast };
  },
  context: async ({ labels: { ids }, batches }) => ({
    each: batches.map(() => ids?.shape[0] as number),
    dispose: () => {},
  }),
};

const trainables = (): Flat => ({
  x: tf.randomNormal([4, 3], 0, 1, 'float32', 1),
  y: tf.randomNormal([5, 3], 0, 1, 'float32', 2),
  w: tf.randomNormal([3], 0, 1, 'float32', 3),
  temp: tf.scalar(0.5),
});

/** Batches of two pairs, the last of three. */
const inputs = (count: number): Omit<LossInput<Pairs>, 'trainable'>[] =>
  Array.from({ length: count }, (_, position) => {
    const rows = position === count - 1 ? 3 : 2;
    const batch = {
      x: tf.randomNormal([rows, 4], 0, 1, 'float32', 10 + position) as tf.Tensor2D,
      y: tf.randomNormal([rows, 5], 0, 1, 'float32', 20 + position) as tf.Tensor2D,
      ids: tf.tensor1d([7, position, position].slice(0, rows), 'int32'),
    };
    return { step: 0, position, seed: hash(5, `${position}`), batch };
  });

/** The same loss on one tape. */
function together(trainable: Flat, given: readonly Omit<LossInput<Pairs>, 'trainable'>[]) {
  return valueAndGrads(() => {
    const encoded = given.map((input) => towers.encode({ ...input, trainable }));
    const all = (pick: (one: (typeof encoded)[number]) => Flat | undefined): Flat =>
      Object.fromEntries(
        Object.keys(pick(encoded[0]!)!).map((name) => [name, tf.concat(encoded.map((one) => pick(one)![name]!))]),
      );
    const labels = all((one) => one.labels);
    const { contrast } = towers.compare({
      features: all((one) => one.features),
      labels,
      trainable,
      seed: 0,
    } satisfies AllFeatures);
    const fits = encoded.map((one) => one.losses?.(labels.ids?.shape[0] as number).fit as tf.Scalar);
    const fit = tf.addN(fits) as tf.Scalar;
    return { total: tf.add(contrast as tf.Scalar, fit) as tf.Scalar, contrast: contrast as tf.Scalar, fit };
  }, trainable);
}

function expectEqual(actual: { terms: LossTerms; grads: Flat }, expected: { terms: LossTerms; grads: Flat }): void {
  for (const part of ['terms', 'grads'] as const) {
    expect(Object.keys(actual[part]).sort()).toEqual(Object.keys(expected[part]).sort());
    for (const [name, tensor] of Object.entries(expected[part])) expectClose(actual[part][name]!, tensor, 1e-6);
  }
}

test('terms and gradients are those of one tape over all batches, and no tensor is left', async () => {
  await expectNoLeak(async () => {
    const trainable = trainables();
    const given = inputs(3);
    const actual = await gradCache(towers, { trainable, inputs: given });
    const expected = together(trainable, given);
    expectEqual(actual, expected);
    dispose([actual, expected, trainable, given.map(({ batch }) => ({ ...batch }))] as never);
  });
});

test('the shares of two processes add up to one process with the batches of both', async () => {
  await expectNoLeak(async () => {
    const trainable = trainables();
    const given = [...inputs(2), ...inputs(2)];
    given.splice(0, given.length, ...given.map((input, position) => ({ ...input, position })));
    const expected = await gradCache(towers, { trainable, inputs: given });
    const shares = await Promise.all(
      processes(2).map((communicator, rank) =>
        gradCache(towers, { trainable, inputs: given.slice(2 * rank, 2 * rank + 2), communicator }),
      ),
    );
    const sum = (part: 'terms' | 'grads') =>
      Object.fromEntries(
        Object.entries(shares[0]![part]).map(([name, x]) => [name, tf.add(x, shares[1]![part][name]!)]),
      );
    const actual = { terms: sum('terms') as LossTerms, grads: sum('grads') };
    expectEqual(actual, expected);
    dispose([actual, expected, shares, trainable, given.map(({ batch }) => ({ ...batch }))] as never);
  });
});

test('what throws leaves no tensor behind', async () => {
  await expectNoLeak(async () => {
    const trainable = trainables();
    const given = inputs(2);
    let calls = 0;
    const failing: GradCacheLoss<Pairs, number>[] = [
      { ...towers, context: async () => Promise.reject(new Error('no context')) },
      {
        ...towers,
        compare: () => {
          throw new Error('no comparison');
        },
      },
      {
        ...towers,
        encode(input) {
          if (calls++ === 3) throw new Error('no second batch');
          return towers.encode(input);
        },
      },
    ];
    for (const loss of failing) {
      await expect(gradCache(loss, { trainable, inputs: given })).rejects.toThrow(/^no /);
    }
    dispose([trainable, given.map(({ batch }) => ({ ...batch }))] as never);
  });
});

test('train compares the batches of an update, and gives the mean gradient of one large batch', async () => {
  const summed: GradCacheLoss<{ x: tf.Tensor2D }> = {
    encode: ({ trainable, batch: { x } }) => ({ features: { y: tf.matMul(x, trainable.w as tf.Tensor2D) } }),
    compare: ({ features: { y } }) => ({ total: tf.mean(tf.square(y as tf.Tensor)) as tf.Scalar }),
  };
  const run = async (accumulationSteps: number, rows: number) => {
    const trainable = { w: tf.ones([2, 1]) };
    const steps = [];
    const options = {
      trainable,
      loss: summed,
      batch: ({ position }: { position: number }) => ({
        x: tf.tensor2d(
          Float32Array.from({ length: 2 * rows }, (_, i) => ((2 * rows * position + i) % 7) / 7),
          [rows, 2],
        ),
      }),
      optimizer: adamw(),
      schedule: constantLr(0.1),
      steps: 3,
      seed: 1,
      accumulationSteps,
      maxGradNorm: 1,
    };
    for await (const { losses, gradNorm } of train(options)) steps.push([losses.total, gradNorm]);
    const w = [...trainable.w.dataSync()];
    trainable.w.dispose();
    return { steps: steps.flat(), w };
  };
  await expectNoLeak(async () => {
    const [small, large] = [await run(4, 2), await run(1, 8)];
    expectClose(small.steps, large.steps, 1e-6);
    expectClose(small.w, large.w, 1e-6);
  });
});
