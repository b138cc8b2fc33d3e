import { SimdBackend } from '@blip2/backend-simd';
import * as tf from '@tensorflow/tfjs';

/** What a resumed run must have in common with the one that was stopped, beyond its configuration. */
export function environment(): { threads: number; relaxedSimd: string } {
  const backend: object = tf.backend();
  if (!(backend instanceof SimdBackend)) return { threads: 1, relaxedSimd: 'none' };
  return { threads: backend.pool.threads, relaxedSimd: String(backend.relaxedSimd) };
}
