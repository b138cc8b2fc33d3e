import { type BackendReport, useBackend as use } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { UsageError } from './errors.js';
import type { Shared } from './options.js';

/** Makes TensorFlow.js compute with the chosen backend. @throws UsageError for one that is not there */
export async function useBackend({ backend, threads }: Pick<Shared, 'backend' | 'threads'>): Promise<BackendReport> {
  if (backend !== 'simd' && threads !== undefined)
    throw new UsageError(`--threads is for the simd backend, not for '${backend}'.`);
  if (backend !== 'simd' && !tf.findBackendFactory(backend))
    throw new UsageError(`There is no backend '${backend}'; there are simd and cpu.`);
  return use({ backend, threads });
}
