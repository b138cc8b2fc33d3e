// What every build is asked to compute, in Node, Deno, Bun and browsers: a Q-Former's output on two threads.
import { registerAttention } from '@blip2/attention';
import { register } from '@blip2/backend-simd';
import { qformerConfig, qformerSpec, queryOutput } from '@blip2/qformer';
import { initialize } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

export async function forward() {
  const backend = await register({ threads: 2 });
  if (!tf.getKernel('Attention', 'simd')) await registerAttention(backend);
  tf.setBackend('simd');
  const threads = await backend.pool.ready();
  const config = qformerConfig(
    { hidden_size: 96, num_hidden_layers: 2, num_attention_heads: 4 },
    { queries: 8, encoderWidth: 72 },
  );
  const qformer = initialize(qformerSpec(config), 1);
  const numbers = Float32Array.from({ length: 2 * 50 * 72 }, (_, i) => Math.fround(((i * 7919) % 1013) / 506.5 - 1));
  const output = queryOutput(qformer, config, tf.tensor(numbers, [2, 50, 72]));
  const fallbacks = backend.statistics.fallbacks();
  const values = Array.from(await output.data());
  output.dispose();
  return { threads, relaxedSimd: backend.relaxedSimd, fallbacks, values };
}
