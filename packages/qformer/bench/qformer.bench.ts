import { qformerConfig, qformerSpec, queryOutput } from '@blip2/qformer';
import { dispose, initialize } from '@blip2/tensor';
import type { BenchCase, Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';

const [B, N] = [8, 257];
const sizes = { width: 768, heads: 12, inner: 3072, queries: 32, imageWidth: 1408 };

/** Operations of all products; every other layer looks at the images. */
function flops(layers: number): number {
  const { width: W, inner: I, queries: Q, imageWidth: D } = sizes;
  const own = B * Q * (4 * W * W + 2 * W * I + 2 * Q * W);
  const look = 2 * B * N * W * D + B * Q * (2 * W * W + 2 * N * W);
  return 2 * (layers * own + Math.ceil(layers / 2) * look);
}

/** Queries of the paper's Q-Former look at images, with `layers` of its 12 layers. */
const forward = (layers: number): BenchCase => ({
  name: `forward, ${layers} layers, batch ${B}`,
  work: { op: 'qformer', B, N, layers, ...sizes },
  flops: flops(layers),
  once: ['wasm'],
  slow: layers > 2 ? ['wasm', 'cpu'] : ['cpu'],
  prepare: () => {
    const config = qformerConfig({ num_hidden_layers: layers });
    const p = initialize(qformerSpec(config), 1);
    const features = tf.randomNormal<tf.Rank.R3>([B, N, config.encoderWidth], 0, 1, 'float32', 1);
    return {
      run: () => queryOutput(p, config, features).dispose(),
      dispose: () => {
        dispose(p);
        features.dispose();
      },
    };
  },
});

const suite: Suite = { bench: 'qformer', cases: [forward(2), forward(12)] };
export default suite;
