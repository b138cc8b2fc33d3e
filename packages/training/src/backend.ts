import { registerAttention } from '@blip2/attention';
import { register, SimdBackend } from '@blip2/backend-simd';
import * as tf from '@tensorflow/tfjs';

/** The backend of TensorFlow.js that computes. */
export interface BackendReport {
  readonly name: string;
  /** Of the `simd` backend. */
  readonly threads?: number;
}

export interface BackendOptions {
  /** `simd`, or the name of another backend of TensorFlow.js. Default `simd`. */
  readonly backend?: string;
  /** Threads of the `simd` backend. Default: the cores, at most 4. */
  readonly threads?: number | undefined;
}

/** The backend that is in use now. */
export function currentBackend(): BackendReport {
  const backend: object = tf.backend();
  const name = tf.getBackend();
  return backend instanceof SimdBackend ? { name, threads: backend.pool.threads } : { name };
}

/**
 * Makes TensorFlow.js compute with a backend: `simd` with its attention kernels, or another one that is registered.
 * @throws for a backend that is not registered or does not work here, and for `threads` of any but `simd`
 */
export async function useBackend({ backend = 'simd', threads }: BackendOptions = {}): Promise<BackendReport> {
  tf.enableProdMode(); // no advice on stderr, no checks that read every result back
  if (backend === 'simd') await registerAttention(await register(threads === undefined ? {} : { threads }));
  else if (threads !== undefined) throw new Error(`'threads' is an option of the simd backend, not of '${backend}'.`);
  if (!tf.findBackendFactory(backend)) {
    throw new Error(`There is no backend '${backend}'; take simd or cpu, or import the package that registers it.`);
  }
  const works = await tf.setBackend(backend).catch(() => false);
  if (!works) throw new Error(`The backend '${backend}' does not work here; take simd or cpu.`);
  await tf.ready();
  return currentBackend();
}

/**
 * Registers the `simd` backend with its attention kernels and makes TensorFlow.js compute with it, unless a backend is in
 * use already (`tf.setBackend`, or any tensor made before). Where it does not work, the backend that TensorFlow.js chooses is used.
 */
export async function ensureBackend(): Promise<BackendReport> {
  const { backendName } = tf.engine() as unknown as { readonly backendName?: string };
  if (!backendName) await useBackend().catch(() => tf.ready());
  return currentBackend();
}
