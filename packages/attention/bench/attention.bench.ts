import { attend } from '@blip2/attention';
import type { BenchCase, Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';

interface Sizes {
  B: number;
  H: number;
  /** Heads of keys and values, where they are fewer. */
  G?: number;
  Q: number;
  L: number;
  K: number;
}

interface Kind {
  name: string;
  causal?: boolean;
  /** A bias [1,H,Q,L], with its gradient. */
  biased?: boolean;
}

function cases({ B, H, G = H, Q, L, K }: Sizes, { name: kind, causal = false, biased = false }: Kind): BenchCase[] {
  const forward = 4 * B * H * Q * L * K;
  const make = (): tf.Tensor[] => [
    tf.randomNormal([B, Q, H * K], 0, 1, 'float32', 1),
    tf.randomNormal([B, L, G * K], 0, 1, 'float32', 2),
    tf.randomNormal([B, L, G * K], 0, 1, 'float32', 3),
    ...(biased ? [tf.randomNormal([1, H, Q, L], 0, 1, 'float32', 5)] : []),
  ];
  const look = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, bias?: tf.Tensor): tf.Tensor3D =>
    attend(q, k, v, { heads: H, keyHeads: G, causal, bias });
  const shared = G === H ? '' : ` of ${G}`;
  const work = { B, H, G, Q, L, K, causal, biased };
  const sizes = `${kind}${B}x${H}${shared} heads ${Q}x${L}x${K}`;
  return [
    {
      name: `forward ${sizes}`,
      work: { op: 'attention', ...work },
      flops: forward,
      prepare: () => {
        const inputs = make();
        return { run: () => look(...(inputs as Inputs)).dispose(), dispose: () => tf.dispose(inputs) };
      },
    },
    {
      name: `forward and backward ${sizes}`,
      work: { op: 'attentionGrad', ...work },
      once: ['wasm', 'cpu'],
      flops: 3 * forward,
      prepare: () => {
        const inputs = make();
        const dy = tf.randomNormal([B, Q, H * K], 0, 1, 'float32', 4);
        const back = tf.grads(look as (...x: tf.Tensor[]) => tf.Tensor);
        return { run: () => tf.dispose(back(inputs, dy)), dispose: () => tf.dispose([...inputs, dy]) };
      },
    },
  ];
}

type Inputs = [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor?];

const long = { B: 1, H: 12, Q: 1024, L: 1024, K: 64 };
const suite: Suite = {
  bench: 'attention',
  cases: [
    ...cases({ B: 16, H: 12, Q: 32, L: 257, K: 64 }, { name: '' }),
    ...cases(long, { name: '' }),
    ...cases(long, { name: 'causal ', causal: true }),
    ...cases({ ...long, Q: 512, L: 512 }, { name: 'biased ', biased: true }),
    ...cases({ B: 64, H: 6, Q: 20, L: 20, K: 32 }, { name: '' }),
    ...cases({ B: 1, H: 32, G: 8, Q: 1, L: 1024, K: 64 }, { name: '' }).slice(0, 1),
  ],
};
export default suite;
