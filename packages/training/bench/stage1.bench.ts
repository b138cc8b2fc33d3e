import { qformerConfig } from '@blip2/qformer';
import { dispose, type Flat, flatten, initialize, type LossTerms, unflatten, valueAndGrads } from '@blip2/tensor';
import type { BenchCase, Suite } from '@blip2/testing';
import { adamw, lavisWeightDecay } from '@blip2/trainer';
import { stage1Spec, stage1Terms } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';

const [N, T] = [257, 32];
const sizes = { width: 768, heads: 12, inner: 3072, queries: 32, imageWidth: 1408 };
const head = { vocabulary: 30522, positions: 512, projection: 256 };

/** Operations of one step: all products forward, and twice as many backward but for the images, which have no gradient. */
function flops(layers: number, B: number): number {
  const { width: W, inner: I, queries: Q, imageWidth: D } = sizes;
  const looks = Math.ceil(layers / 2);
  const layer = (rows: number): number => rows * (4 * W * W + 2 * W * I); // multiply-adds, attention's own left out
  const seen = (rows: number, keys: number): number => 2 * rows * keys * W; // one attention
  const look = 2 * B * N * W * D; // what one layer reads of the images
  const ask = (rows: number): number => 2 * rows * W * W + seen(rows, N); // what it asks them
  const [q, t, m] = [B * Q, B * T, 3 * B * (Q + T)];
  const own = layer(q) + seen(q, Q) + 2 * (layer(t) + seen(t, T)) + seen(t, Q) + layer(m) + seen(m, Q + T);
  const passes = layers * own + looks * (ask(q) + ask(3 * q));
  const words = t * (W * W + W * head.vocabulary);
  return 2 * (3 * (passes + words) + 2 * looks * look);
}

/** One step of stage 1 of the paper's Q-Former, its optimizer included, with `layers` of its 12 layers. */
const step = (layers: number, B: number, who: Partial<BenchCase>, recompute = false): BenchCase => ({
  name: `stage 1 step, ${layers} layers, batch ${B}${recompute ? ', layers run again' : ''}`,
  ...(recompute ? {} : { work: { op: 'stage1', B, N, T, layers, ...sizes, ...head } }),
  ...who,
  flops: flops(layers, B), // without what is computed again
  prepare: () => {
    const config = qformerConfig({
      num_hidden_layers: layers,
      hidden_dropout_prob: 0,
      attention_probs_dropout_prob: 0,
    });
    const spec = stage1Spec(config);
    const optimizer = adamw({ betas: [0.9, 0.98], weightDecay: 0.05, decayRule: lavisWeightDecay });
    let trainable: Flat = flatten(initialize(spec, 1));
    let state = optimizer.init(trainable);
    const batch = {
      features: tf.randomNormal<tf.Rank.R3>([B, N, config.encoderWidth], 0, 1, 'float32', 1),
      ids: tf.randomUniform<tf.Rank.R2>([B, T], 1000, 30000, 'int32', 2),
      mask: tf.ones<tf.Rank.R2>([B, T], 'int32'),
      imageIds: tf.range(0, B, 1, 'int32'),
    };
    const options = { seed: 1, recompute, smoothing: 0.1, decoderStart: 1, pad: 0 };
    const loss = (): LossTerms => stage1Terms(unflatten(spec, trainable), config, batch, options);
    return {
      run: () => {
        const { terms, grads } = valueAndGrads(loss, trainable);
        ({ trainable, state } = optimizer.update(trainable, grads, state, { lr: 1e-4 }));
        dispose({ terms, grads });
      },
      dispose: () => tf.dispose([trainable, state.m, state.v, batch] as tf.TensorContainer),
    };
  },
});

const slow = ['wasm', 'cpu'];
const suite: Suite = {
  bench: 'stage1',
  cases: [
    step(2, 2, { once: ['wasm'], slow: ['cpu'] }),
    step(2, 8, { slow }),
    step(12, 8, { slow, threads: 2 }),
    step(12, 8, { slow, threads: 2 }, true),
  ],
};
export default suite;
