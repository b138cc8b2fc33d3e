import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispose, type Flat, hash, mapFlat } from '@blip2/tensor';
import { expectClose, expectNoLeak, processes } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { BucketReducer } from './bucket-reducer.js';
import type { Communicator } from './communicator.js';
import { gatherJson, onFirst } from './exchange.js';
import type { GradCacheLoss } from './grad-cache.js';
import type { TrainOptions } from './options.js';
import { bits, collect, type ToyBatch, toyBatch, toyLoss, toyRun } from './testing/toy.js';
import { train } from './train.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const ROWS = 8;

/** The rows of a batch that a process has. */
const shareOf = (batch: ToyBatch, { rank, size }: Pick<Communicator, 'rank' | 'size'>): ToyBatch =>
  tf.tidy(() => {
    const part = <T extends tf.Tensor>(x: T): T => tf.keep(tf.slice(x, (rank * ROWS) / size, ROWS / size));
    return { x: part(batch.x), y: part(batch.y) };
  });

const alone = { rank: 0, size: 1 };

/** The options of a process: the same run for each, on its rows. */
const run = (communicator: Communicator | undefined, changes: Partial<TrainOptions<ToyBatch>> = {}) =>
  toyRun({
    loss: toyLoss(0),
    maxGradNorm: 0.5,
    batch: ({ position }) => {
      const whole = toyBatch(hash(11, `batch ${position}`), ROWS);
      const own = shareOf(whole, communicator ?? alone);
      dispose(whole as unknown as Flat);
      return own;
    },
    ...(communicator && { communicator }),
    ...changes,
  });

async function together(size: number, changes: Partial<TrainOptions<ToyBatch>> = {}, first = changes) {
  const all = processes(size).map((communicator) => run(communicator, communicator.rank === 0 ? first : changes));
  const steps = await Promise.all(all.map((options) => collect(train(options))));
  return { all, steps };
}

/** Compares the outputs of all examples with each other, so that every share needs the others. */
const contrast: GradCacheLoss<ToyBatch> = {
  encode: ({ trainable, batch: { x, y } }) => ({
    features: { out: tf.tanh(tf.matMul(x, trainable['first.weight'] as tf.Tensor2D, false, true)), y: y.clone() },
  }),
  compare: ({ features: { out, y } }) => {
    const scores = tf.matMul(out as tf.Tensor2D, out as tf.Tensor2D, false, true);
    const wanted = tf.matMul(y as tf.Tensor2D, y as tf.Tensor2D, false, true);
    return { total: tf.mean(tf.square(tf.sub(scores, wanted))) as tf.Scalar };
  },
};

test.each([
  ['a loss of examples', {}],
  ['accumulated batches', { accumulationSteps: 2 }],
  ['a loss that compares the examples of a batch', { loss: contrast, accumulationSteps: 2, compare: 'batch' as const }],
  ['a loss that compares those of an update', { loss: contrast, accumulationSteps: 2 }],
])('four processes train as one: %s', async (_, changes) => {
  const single = run(undefined, changes);
  const expected = await collect(train(single));
  const { all, steps } = await together(4, changes);
  for (const [i, { losses, gradNorm }] of expected.entries()) {
    for (const own of steps) {
      expect(own[i]!.losses.total).toBeCloseTo(losses.total!, 5);
      expect(own[i]!.gradNorm).toBeCloseTo(gradNorm, 4);
    }
  }
  for (const { trainable } of all) {
    expect(bits(trainable)).toEqual(bits(all[0]!.trainable));
    for (const [path, tensor] of Object.entries(trainable)) expectClose(tensor, single.trainable[path]!, 1e-4);
  }
});

test('one process computes no collective operation', async () => {
  const refuse = async (): Promise<never> => {
    throw new Error('a collective operation');
  };
  const single: Communicator = {
    rank: 0,
    size: 1,
    allReduce: refuse,
    allGather: refuse,
    broadcast: refuse,
    barrier: refuse,
  };
  const expected = run(undefined);
  const actual = run(single);
  expect((await collect(train(actual))).map(({ losses }) => losses)).toEqual(
    (await collect(train(expected))).map(({ losses }) => losses),
  );
  expect(bits(actual.trainable)).toEqual(bits(expected.trainable));
});

test('process 0 gives the others its tensors, writes alone, and another number of processes resumes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blip2-processes-'));
  try {
    const single = run(undefined);
    const expected = await collect(train(single));
    const checkpoint = { dir: join(folder, 'run'), every: 2 };
    const elsewhere = { checkpoint: { ...checkpoint, dir: join(folder, 'nowhere') }, resume: true };
    const environment = { threads: 1 };
    await together(2, { steps: 4, ...elsewhere, environment }, { steps: 4, checkpoint, environment });
    const { all, steps } = await together(
      4,
      { ...elsewhere, environment: { threads: 2 } },
      { checkpoint, resume: true, environment: { threads: 2 } },
    );
    expect(steps.map((own) => own.map(({ step }) => step))).toEqual(Array(4).fill([5, 6, 7, 8, 9, 10]));
    expect(steps[3]!.at(-1)!.losses.total).toBeCloseTo(expected.at(-1)!.losses.total!, 5);
    for (const { trainable } of all) expect(bits(trainable)).toEqual(bits(all[0]!.trainable));
    const again = run(undefined, { checkpoint, resume: true, environment: { threads: 4 } });
    expect(await collect(train(again))).toEqual([]);
    expect(bits(again.trainable)).toEqual(bits(all[0]!.trainable));
    const other = run(undefined, { checkpoint, resume: true, seed: 6, environment: { threads: 4 } });
    await expect(collect(train(other))).rejects.toThrow('seed was 5 and is 6');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('buckets add up what processes have, in parts and late, with a communicator that cannot start sums too', async () => {
  await expectNoLeak(async () => {
    const pairs = [processes(2), processes(2).map(({ startAllReduce, ...rest }) => rest)];
    for (const both of pairs) {
      const sums = await Promise.all(
        both.map(async (communicator: Communicator) => {
          const local = () => ({
            terms: { total: tf.scalar(communicator.rank + 1) },
            grads: { a: tf.fill([3, 2], communicator.rank + 1), b: tf.fill([40_000], 2), c: tf.scalar(5) },
          });
          const own = local();
          const reducer = new BucketReducer(communicator, own.grads as Flat);
          reducer.add('b', [own.grads.b, own.grads.b]);
          return reducer.finish(own);
        }),
      );
      for (const { terms, grads } of sums) {
        expect(Object.keys(grads).sort()).toEqual(['a', 'b', 'c']);
        expectClose(terms.total, [3]);
        expectClose(grads.a!, [3, 3, 3, 3, 3, 3], 0);
        expect(grads.b!.dataSync()[39_999]).toBe(8);
        expectClose(grads.c!, [10]);
        dispose({ terms, grads } as never);
      }
    }
  });
});

test('processes whose gradients belong to different parameters are refused', async () => {
  const grads = [
    { a: tf.ones([2]), b: tf.ones([2]) },
    { b: tf.ones([2]), a: tf.ones([2]) },
  ];
  const both = processes(2).map((communicator, rank) =>
    new BucketReducer(communicator, grads[rank] as Flat).finish({
      terms: { total: tf.scalar(1) },
      grads: mapFlat(grads[rank] as Flat, (x) => x.clone()),
    }),
  );
  for (const one of both) await expect(one).rejects.toThrow('have gradients of different parameters');
});

test('values for JSON go from the first to all, and from all to all', async () => {
  const results = await Promise.all(
    processes(3).map(async (communicator) => [
      await onFirst(communicator, async () => ({ rank: communicator.rank, name: 'é' })),
      await onFirst(communicator, async () => undefined),
      await gatherJson(communicator, Array(communicator.rank).fill('ü')),
    ]),
  );
  for (const one of results) expect(one).toEqual([{ rank: 0, name: 'é' }, undefined, [[], ['ü'], ['ü', 'ü']]]);
});
