import type { GradCacheLoss, LossInput } from '@blip2/trainer';
import * as tf from '@tensorflow/tfjs';
import type { Stage2Batch, Stage2PixelBatch, stage2Terms } from './stage2.js';

type Batch = Stage2Batch | Stage2PixelBatch;

/** The terms of stage 2: those that a batch has. */
export type Stage2Terms = ReturnType<typeof stage2Terms>;

/** The shares that a process has in the means of a batch: of the weights of the tokens that are predicted, and of the phrases. */
interface Shares {
  readonly lm: number;
  readonly phrases: number;
}

/**
 * The losses of stage 2 over a batch of which several processes have shares, equal to those of the whole batch: means over
 * tokens and phrases count those of all processes. Each process encodes its share once.
 * @param terms computes the terms of this process' share
 */
export function stage2Shared(
  terms: (input: LossInput<Batch>) => Stage2Terms,
  { phraseWeight }: { readonly phraseWeight: number },
): GradCacheLoss<Batch, Shares, Stage2Terms> {
  return {
    encode: (input) => ({
      features: {},
      losses: (shares) => {
        const own = terms(input);
        const lm = own.lm && (tf.mul(own.lm, shares.lm) as tf.Scalar);
        const phrases = own.phrases && (tf.mul(own.phrases, shares.phrases) as tf.Scalar);
        if (!lm) return { total: phrases as tf.Scalar, ...(phrases && { phrases: phrases.clone() }) };
        if (!phrases) return { total: lm, lm: lm.clone() };
        return { total: tf.add(lm, tf.mul(phrases, phraseWeight)) as tf.Scalar, lm, phrases };
      },
    }),
    compare: () => ({ total: tf.scalar(0) }),
    async context({ batches, communicator }) {
      const own = tf.tidy(() => tf.stack(batches.map(countsOf)) as tf.Tensor2D);
      const all = await communicator.allReduce(own).finally(() => own.dispose());
      const shares = tf.tidy(
        () => tf.div(tf.stack(batches.map(countsOf)), tf.maximum(all, SMALLEST_SUM)) as tf.Tensor2D,
      );
      all.dispose();
      const values = await shares.array().finally(() => shares.dispose());
      return { each: values.map(([lm = 0, phrases = 0]) => ({ lm, phrases })), dispose: () => {} };
    },
  };
}

/** Sums of weights below it are of none. */
const SMALLEST_SUM = 1e-6;

/** The weights of the tokens that the language model predicts, and the phrases: [2]. */
function countsOf({ texts, phraseMask }: Batch): tf.Tensor1D {
  const tokens = texts ? tf.sum(tf.mul(texts.targetMask, texts.targetWeights ?? 1)) : tf.scalar(0);
  const present = phraseMask ? tf.sum(tf.cast(tf.any(tf.cast(phraseMask, 'bool'), 2), 'float32')) : tf.scalar(0);
  return tf.stack([tokens, present] as tf.Scalar[]) as tf.Tensor1D;
}
