import { gated, gelu, layerNorm, rmsNorm } from '@blip2/tensor';
import type { BenchCase, Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';

interface Rows {
  readonly op: string;
  readonly R: number;
  readonly D: number;
}

const of = (name: string, work: Rows, f: (x: tf.Tensor) => tf.Tensor): BenchCase => ({
  name: `${name} ${work.R}x${work.D}`,
  work: { ...work },
  bytes: 8 * work.R * work.D,
  prepare: () => {
    const x = tf.randomNormal([work.R, work.D], 0, 1, 'float32', 1);
    return { run: () => f(x).dispose(), dispose: () => x.dispose() };
  },
});

const layerNorms: BenchCase = {
  name: 'layer norm 1024x768',
  work: { op: 'layerNorm', R: 1024, D: 768 },
  bytes: 8 * 1024 * 768,
  prepare: () => {
    const x = tf.randomNormal([1024, 768], 0, 1, 'float32', 1);
    const p = { weight: tf.ones([768]), bias: tf.zeros([768]) };
    return { run: () => layerNorm(p, x, 1e-12).dispose(), dispose: () => tf.dispose([x, p]) };
  },
};

const rmsNorms: BenchCase = {
  name: 'RMS norm 1024x768',
  bytes: 8 * 1024 * 768,
  prepare: () => {
    const x = tf.randomNormal([1024, 768], 0, 1, 'float32', 1);
    const p = { weight: tf.ones([768]) };
    return { run: () => rmsNorm(p, x, 1e-6).dispose(), dispose: () => tf.dispose([x, p]) };
  },
};

const suite: Suite = {
  bench: 'rows',
  cases: [
    layerNorms,
    rmsNorms,
    of('GELU', { op: 'gelu', R: 1024, D: 3072 }, gelu),
    of('gated SiLU', { op: 'gatedSilu', R: 1024, D: 3072 }, (x) => gated(x, x, 'silu')),
    of('softmax', { op: 'softmax', R: 12288, D: 257 }, (x) => tf.softmax(x)),
  ],
};
export default suite;
