import { dispose, hash } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { LossInput, Position } from './position.js';
import { bits, collect, type ToyBatch, toyBatch, toyLoss, toyRun } from './testing/toy.js';
import { train } from './train.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test('the loss falls, and each result says where it stands', async () => {
  const steps = await collect(train(toyRun({ steps: 40, loss: toyLoss(0), batch: () => toyBatch(0) })));
  expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  expect(steps[39]!.losses.total).toBeLessThan(0.7 * steps[0]!.losses.total!);
  expect(steps[0]!.losses.error).toBe(steps[0]!.losses.total);
  expect([steps[0]!.lr, steps[3]!.lr]).toEqual([0, 0.02]);
  expect(steps[5]!.gradNorm).toBeGreaterThan(0);
  expect(steps[5]!.seconds).toBeGreaterThan(0);
});

test('tensors and bytes are the same after step 2 and step 200', async () => {
  const seen: [number, number][] = [];
  const run = toyRun({ steps: 200, accumulationSteps: 2, maxGradNorm: 0.5 });
  for await (const { step } of train(run)) {
    const { numTensors, numBytes } = tf.memory();
    if (step === 2 || step === 200) seen.push([numTensors, numBytes]);
  }
  expect(seen[1]).toEqual(seen[0]);
  dispose(run.trainable);
});

test('a finished, a broken and a failed run leave the trainable tensors untouched and alive', async () => {
  const kept = 5;
  const { numTensors } = tf.memory();
  const finished = toyRun({ logEvery: 3 });
  await collect(train(finished));
  const broken = toyRun();
  for await (const { step } of train(broken)) if (step === 3) break;
  const failed = toyRun({
    accumulationSteps: 3,
    batch: ({ position }) => {
      if (position === 7) throw new Error('no more images');
      return toyBatch(position);
    },
  });
  await expect(collect(train(failed))).rejects.toThrow('no more images');
  expect(tf.memory().numTensors - numTensors).toBe(3 * kept);
  for (const { trainable } of [finished, broken, failed]) {
    expect(Object.values(trainable).every((tensor) => !tensor.isDisposed)).toBe(true);
    dispose(trainable);
  }
});

test('accumulating four batches equals one batch of all four', async () => {
  const quarter = (i: number) => toyBatch(hash(1, `${i}`), 4);
  const whole = (step: number) => {
    const parts = [0, 1, 2, 3].map((i) => quarter(4 * step + i));
    return { x: tf.concat(parts.map(({ x }) => x)), y: tf.concat(parts.map(({ y }) => y)) };
  };
  const loss = toyLoss(0);
  const small = toyRun({ loss, accumulationSteps: 4, steps: 6, batch: ({ position }) => quarter(position) });
  const big = toyRun({ loss, steps: 6, batch: ({ position }) => whole(position) });
  const [a, b] = [await collect(train(small)), await collect(train(big))];
  for (const path of Object.keys(small.trainable)) expectClose(small.trainable[path]!, big.trainable[path]!, 2e-6);
  a.forEach((step, i) => {
    expect(step.losses.total).toBeCloseTo(b[i]!.losses.total!, 5);
    expect(step.gradNorm).toBeCloseTo(b[i]!.gradNorm, 5);
  });
});

test('batches and seeds are functions of the position', async () => {
  const seen: Position[] = [];
  const batch = (at: Position) => {
    seen.push(at);
    return toyBatch(at.position);
  };
  await collect(train(toyRun({ steps: 3, accumulationSteps: 2, batch })));
  expect(seen.map(({ step, position }) => [step, position])).toEqual([
    [0, 0],
    [0, 1],
    [1, 2],
    [1, 3],
    [2, 4],
    [2, 5],
  ]);
  expect(new Set(seen.map(({ seed }) => seed)).size).toBe(6);
});

test('the same seed gives the same bits, another one others', async () => {
  const [a, b, c] = [toyRun(), toyRun(), toyRun({ seed: 6 })];
  for (const run of [a, b, c]) await collect(train(run));
  expect(bits(b.trainable)).toEqual(bits(a.trainable));
  expect(bits(c.trainable)).not.toEqual(bits(a.trainable));
});

test('what is not finite is named, at the step where it began', async () => {
  const bad = (step: number) =>
    toyRun({
      logEvery: 50,
      checkFiniteEvery: 8,
      steps: 30,
      loss: (input) => {
        const { error } = toyLoss(0)(input);
        const zero = tf.mul(tf.sum(input.trainable['second.bias']!), 0) as tf.Scalar;
        const spoilt = input.step === step ? (tf.log(zero) as tf.Scalar) : zero;
        return { total: tf.add(error, spoilt) as tf.Scalar, error, spoilt };
      },
    });
  await expect(collect(train(bad(4)))).rejects.toMatchObject({
    name: 'NonFiniteError',
    step: 5,
    terms: ['total', 'spoilt'],
    gradients: ['second.bias'],
    message: expect.stringContaining('At step 5, the loss total, spoilt and the gradient of second.bias is not finite'),
  });
});

test('a signal ends the run with its reason', async () => {
  const stop = new AbortController();
  const steps = (async () => {
    for await (const { step } of train(toyRun({ signal: stop.signal })))
      if (step === 2) stop.abort(new Error('enough'));
  })();
  await expect(steps).rejects.toThrow('enough');
});

test('tensors of a batch are freed, wherever they are in it', async () => {
  const run = toyRun({ steps: 1 });
  await expectNoLeak(() =>
    collect(
      train({
        ...run,
        batch: () => ({ pair: [toyBatch(1)], bytes: new Uint8Array(9), name: 'a' }),
        loss: ({ batch, ...input }) => toyLoss(0)({ ...input, batch: batch.pair[0]! }),
      }),
    ),
  );
});

test('options that make no sense are refused in one sentence', async () => {
  const refused = (changes: Parameters<typeof toyRun>[0]) => expect(collect(train(toyRun(changes)))).rejects;
  await refused({ steps: 0 }).toThrow("'steps' must be a whole number from 1, not 0.");
  await refused({ maxGradNorm: 0 }).toThrow("'maxGradNorm' must be greater than 0");
  await refused({ resume: true }).toThrow("'resume' needs 'checkpoint.dir'");
  await refused({ trainable: {} }).toThrow('nothing to train');
  await refused({ schedule: () => Number.NaN }).toThrow('The schedule gives NaN');
  const tied = tf.scalar(1);
  await refused({ trainable: { a: tied, b: tied } }).toThrow("'a' and 'b' are one tied tensor");
  await refused({ loss: () => ({ total: tf.zeros([2]) as tf.Scalar }) }).toThrow('must be a scalar, not [2]');
});

test('losses have the names of the terms that the loss returns', async () => {
  const run = train({
    ...toyRun({ steps: 1 }),
    loss: (input: LossInput<ToyBatch>) => toyLoss(0)(input),
  });
  for await (const { losses } of run) {
    const { total, error }: { total: number; error: number } = losses;
    // @ts-expect-error the loss has no term of this name
    losses.other;
    expect(total).toBe(error);
  }
});
