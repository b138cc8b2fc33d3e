import { attend } from '@blip2/attention';
import type { BenchCase, Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';

interface Sizes {
  B: number;
  H: number;
  Q: number;
  L: number;
  K: number;
}

function cases({ B, H, Q, L, K }: Sizes): BenchCase[] {
  const forward = 4 * B * H * Q * L * K;
  const make = (): [tf.Tensor, tf.Tensor, tf.Tensor] => [
    tf.randomNormal([B, Q, H * K], 0, 1, 'float32', 1),
    tf.randomNormal([B, L, H * K], 0, 1, 'float32', 2),
    tf.randomNormal([B, L, H * K], 0, 1, 'float32', 3),
  ];
  const look = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor3D => attend(q, k, v, { heads: H });
  const sizes = `${B}x${H} heads ${Q}x${L}x${K}`;
  return [
    {
      name: `forward ${sizes}`,
      work: { op: 'attention', B, H, Q, L, K },
      flops: forward,
      prepare: () => {
        const inputs = make();
        return { run: () => look(...inputs).dispose(), dispose: () => tf.dispose(inputs) };
      },
    },
    {
      name: `forward and backward ${sizes}`,
      work: { op: 'attentionGrad', B, H, Q, L, K },
      once: ['wasm', 'cpu'],
      flops: 3 * forward,
      prepare: () => {
        const inputs = make();
        const dy = tf.randomNormal([B, Q, H * K], 0, 1, 'float32', 4);
        const back = tf.grads(look);
        return { run: () => tf.dispose(back(inputs, dy)), dispose: () => tf.dispose([...inputs, dy]) };
      },
    },
  ];
}

const suite: Suite = {
  bench: 'attention',
  cases: [...cases({ B: 16, H: 12, Q: 32, L: 257, K: 64 }), ...cases({ B: 1, H: 12, Q: 1024, L: 1024, K: 64 })],
};
export default suite;
