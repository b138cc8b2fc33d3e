import { keyValueCache } from '@blip2/attention';
import { type OptConfig, optConfig, optEmbed, optForward, optHead, optSpec } from '@blip2/llm';
import { dispose, specLeaves, unflatten } from '@blip2/tensor';
import type { BenchCase, Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';

// What making text is bound by: every weight is read once a token.

const [I, O] = [2560, 10240];
const PAST = 64;

/** One row through one matrix, of a feed-forward network of OPT-2.7B. */
const product = (name: string, transposeB: boolean): BenchCase => ({
  name: `${name} 1x${I} by ${I}x${O}`,
  work: { op: 'product', I, O, transposeB },
  flops: 2 * I * O,
  bytes: 4 * I * O,
  prepare: () => {
    const x = tf.randomNormal([1, I], 0, 1, 'float32', 1);
    const w = tf.randomNormal(transposeB ? [O, I] : [I, O], 0, 1, 'float32', 2);
    return { run: () => tf.matMul(x, w, false, transposeB).dispose(), dispose: () => tf.dispose([x, w]) };
  },
});

/** A parameter of the usual size, quickly: 65,536 random numbers over and over. */
function filled(shape: readonly number[]): tf.Tensor {
  const values = new Float32Array(tf.util.sizeFromShape([...shape]));
  const random = tf.tidy(() => tf.randomNormal([2 ** 16], 0, 0.02, 'float32', 1).dataSync());
  for (let at = 0; at < values.length; at += random.length) {
    values.set(random.subarray(0, Math.min(random.length, values.length - at)), at);
  }
  return tf.tensor(values, [...shape]);
}

/** Numbers of all matrices that a token goes through; the head is the table of words. */
const weights = ({ hiddenSize: W, ffnSize: F, layers, vocabSize: V }: OptConfig): number =>
  layers * (4 * W * W + 2 * W * F) + V * W;

const token = (config: OptConfig): BenchCase => ({
  name: `a token of OPT-125M, ${PAST} before`,
  work: {
    op: 'token',
    layers: config.layers,
    width: config.hiddenSize,
    heads: config.heads,
    inner: config.ffnSize,
    vocabulary: config.vocabSize,
    past: PAST,
  },
  flops: 2 * weights(config),
  bytes: 4 * weights(config),
  prepare: () => {
    const spec = optSpec(config);
    const p = unflatten(spec, Object.fromEntries(specLeaves(spec).map(([name, { shape }]) => [name, filled(shape)])));
    const remembered = (seed: number): tf.Tensor =>
      tf.randomNormal([1, PAST, config.hiddenSize], 0, 1, 'float32', seed);
    const memory = Array.from({ length: config.layers }, (_, j) => {
      const cache = keyValueCache({ capacity: 2 * PAST });
      const [key, value] = [remembered(2 * j), remembered(2 * j + 1)];
      cache.append({ key, value });
      tf.dispose([key, value]);
      return cache;
    });
    const ids = tf.tensor2d([[5]], [1, 1], 'int32');
    return {
      run: () => {
        const logits = tf.tidy(() => {
          const { hidden } = optForward(p, config, { embeddings: optEmbed(p, ids), memory, last: 1 });
          return optHead(p, hidden);
        });
        logits.dispose();
      },
      dispose: () => {
        dispose(p);
        for (const cache of memory) cache.dispose();
        ids.dispose();
      },
    };
  },
});

const suite: Suite = {
  bench: 'decode',
  cases: [product('AB', false), product('ABᵀ', true), token(optConfig())],
};
export default suite;
