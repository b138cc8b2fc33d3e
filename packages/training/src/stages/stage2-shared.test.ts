import { dispose, type Flat, hash } from '@blip2/tensor';
import { expectClose, expectNoLeak, processes } from '@blip2/testing';
import { gradCache, lossAndGrads } from '@blip2/trainer';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { Stage2Batch } from './stage2.js';
import { type Stage2Terms, stage2Shared } from './stage2-shared.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const phraseWeight = 0.3;

/** Terms that are means, over tokens and over phrases, as those of stage 2 are. */
function terms({ trainable, batch }: { trainable: Flat; batch: Stage2Batch }): Stage2Terms {
  const { texts, phraseMask } = batch;
  const scale = trainable.w as tf.Tensor;
  const meanOf = (mask: tf.Tensor, values: tf.Tensor): tf.Scalar =>
    tf.div(tf.sum(tf.mul(tf.square(tf.mul(values, scale)), mask)), tf.maximum(tf.sum(mask), 1e-6)) as tf.Scalar;
  const present = phraseMask && tf.cast(tf.any(tf.cast(phraseMask, 'bool'), 2), 'float32');
  const phrases = present && meanOf(present, tf.sum(batch.phraseIds as tf.Tensor, 2));
  if (!texts) return { total: phrases as tf.Scalar, phrases: (phrases as tf.Scalar).clone() };
  const lm = meanOf(tf.mul(texts.targetMask, texts.targetWeights ?? 1), texts.targetIds);
  if (!phrases) return { total: lm, lm: lm.clone() };
  return { total: tf.add(lm, tf.mul(phrases, phraseWeight)) as tf.Scalar, lm, phrases };
}

const LENGTHS = [4, 1, 2, 3];

interface Kinds {
  readonly texts: boolean;
  readonly phrases: boolean;
  readonly weights?: boolean;
}

/** The rows of a batch of four images from `begin` to `end`: texts of unequal lengths, some phrases absent. */
function rows(begin: number, end: number, { texts, phrases, weights = false }: Kinds): Stage2Batch {
  const some = LENGTHS.slice(begin, end);
  const int = (values: number[][], columns: number) => tf.tensor2d(values, [values.length, columns], 'int32');
  const mask = () =>
    int(
      some.map((length) => [0, 1, 2, 3].map((t) => Number(t < length))),
      4,
    );
  const words = (value: (row: number) => number) =>
    tf.tensor3d(
      some.map((_, i) => [
        [1, value(begin + i)],
        [value(begin + i) % 2, 0],
      ]),
      [some.length, 2, 2],
      'int32',
    );
  return {
    features: tf.zeros([some.length, 1, 1]),
    ...(phrases && { phraseIds: words((row) => row + 2), phraseMask: words((row) => row % 2) }),
    ...(texts && {
      texts: {
        imageIndex: tf.range(0, some.length, 1, 'int32'),
        promptIds: int(
          some.map(() => [1]),
          1,
        ),
        promptMask: int(
          some.map(() => [1]),
          1,
        ),
        targetIds: int(
          some.map((length, i) => [length, 2, begin + i, 5]),
          4,
        ),
        targetMask: mask(),
        ...(weights && { targetWeights: tf.tensor2d(some.map((_, i) => [0.1, 0, (begin + i) / 50, 0.05])) }),
      },
    }),
  };
}

test.each([
  { texts: true, phrases: false },
  { texts: false, phrases: true },
  { texts: true, phrases: true },
  { texts: true, phrases: true, weights: true },
])('the shares of two processes add up to the means of the whole batch: %o', async (kinds) => {
  const trainable = { w: tf.scalar(0.7) };
  await expectNoLeak(async () => {
    const at = { step: 0, position: 0, seed: hash(1, 'a') };
    const whole = rows(0, 4, kinds);
    const expected = lossAndGrads(() => terms({ trainable, batch: whole }) as never, trainable);
    const batches = [rows(0, 2, kinds), rows(2, 4, kinds)];
    const loss = stage2Shared(terms as never, { phraseWeight });
    const shares = await Promise.all(
      processes(2).map((communicator) =>
        gradCache(loss, { trainable, inputs: [{ ...at, batch: batches[communicator.rank]! }], communicator }),
      ),
    );
    const names = Object.keys(expected.terms);
    for (const share of shares) expect(Object.keys(share.terms).sort()).toEqual([...names].sort());
    const sum = (pick: (share: (typeof shares)[number]) => tf.Tensor) => tf.tidy(() => tf.addN(shares.map(pick)));
    const sums = names.map((name) => sum((share) => share.terms[name] as tf.Tensor));
    names.forEach((name, i) => {
      expectClose(sums[i]!, expected.terms[name]!, 1e-5);
    });
    const gradient = sum((share) => share.grads.w as tf.Tensor);
    expectClose(gradient, expected.grads.w!, 1e-5);
    dispose({ expected, shares, sums, gradient, whole, batches } as never);
  });
  trainable.w.dispose();
});
