import { registerAttention } from '@blip2/attention';
import { register } from '@blip2/backend-simd';
import * as tf from '@tensorflow/tfjs';
import { UsageError } from './errors.js';
import type { Shared } from './options.js';

/** Makes TensorFlow.js compute with the chosen backend. @throws for one that is not there or does not work here */
export async function useBackend({ backend, threads }: Pick<Shared, 'backend' | 'threads'>): Promise<void> {
  tf.enableProdMode(); // no advice on stderr, no checks that read every result back
  if (backend === 'simd') await registerAttention(await register(threads === undefined ? {} : { threads }));
  else if (threads !== undefined) throw new UsageError(`--threads is for the simd backend, not for '${backend}'.`);
  if (!tf.findBackendFactory(backend))
    throw new UsageError(`There is no backend '${backend}'; there are simd and cpu.`);
  const works = await tf.setBackend(backend).catch(() => false);
  if (!works) throw new Error(`The backend '${backend}' does not work here; take simd or cpu.`);
  await tf.ready();
}
