import { registerAttention } from '@blip2/attention';
import { register, SimdBackend } from '@blip2/backend-simd';
import { type Device, type DeviceReport, useDevice } from '@blip2/backend-webgpu';
import * as tf from '@tensorflow/tfjs';

/** The backend with which TensorFlow.js computes. */
export interface BackendReport {
  /** Its name at TensorFlow.js, such as `simd` or `cpu`. */
  readonly name: string;
  /** Number of threads of the `simd` backend; absent for others. */
  readonly threads?: number;
  /** Why `simd` is not in use although no backend was chosen (see `ensureBackend`). */
  readonly fallback?: string;
  /** How the device was chosen, where `device` was given to `useBackend`. */
  readonly device?: DeviceReport;
}

/** Options of `useBackend`. */
export interface BackendOptions {
  /** `simd`, or the name of another backend that is registered with TensorFlow.js. Default `simd`. */
  readonly backend?: string;
  /** Number of threads of the `simd` backend. Default: the number of cores, at most 4. */
  readonly threads?: number | undefined;
  /**
   * What computes: `wasm` is the `simd` backend, `webgpu` the GPU, where its results are those of `simd`, and `auto` the faster of
   * them. Give it before models are loaded, as tensors of another backend are not moved to it. Default: `backend` alone.
   */
  readonly device?: Device | undefined;
}

let chosen: DeviceReport | undefined;

/** Reports which backend TensorFlow.js computes with now. */
export function currentBackend(): BackendReport {
  const backend: object = tf.backend();
  const name = tf.getBackend();
  const device = chosen && name === nameOf(chosen) ? { device: chosen } : {};
  return backend instanceof SimdBackend ? { name, threads: backend.pool.threads, ...device } : { name, ...device };
}

/**
 * Makes TensorFlow.js compute with a backend: `simd` with its attention kernels, or another one that is registered. It also
 * turns TensorFlow.js' production mode on: no advice on stderr, no checks that read every result back.
 * @throws for a backend that is not registered or does not work here, and for `threads` or `device` with another backend than
 * `simd`
 */
export async function useBackend({ backend = 'simd', threads, device }: BackendOptions = {}): Promise<BackendReport> {
  tf.enableProdMode();
  if (backend === 'simd') await registerAttention(await register({ threads }));
  else if (threads !== undefined) throw new Error(`'threads' is an option of the simd backend, not of '${backend}'.`);
  else if (device !== undefined) throw new Error(`Give either the backend '${backend}' or the device '${device}'.`);
  if (device !== undefined) return onDevice(device);
  if (!tf.findBackendFactory(backend)) {
    throw new Error(`There is no backend '${backend}'; use simd or cpu, or import the package that registers it.`);
  }
  const works = await tf.setBackend(backend).catch(() => false);
  if (!works) throw new Error(`The backend '${backend}' does not work here; use simd or cpu.`);
  await tf.ready();
  return currentBackend();
}

/** What was chosen once stays chosen, as models may be loaded on it. */
async function onDevice(device: Device): Promise<BackendReport> {
  if (chosen?.requested !== device) chosen = await useDevice(device);
  await tf.setBackend(nameOf(chosen));
  return currentBackend();
}

const nameOf = ({ device }: DeviceReport): string => (device === 'wasm' ? 'simd' : device);

let pending: Promise<void> | undefined;
let fallback: string | undefined;

/**
 * Makes TensorFlow.js compute with the `simd` backend and its attention kernels, unless a backend was chosen before, by
 * `useBackend`, `tf.setBackend` or the creation of a tensor. Where `simd` does not work, TensorFlow.js chooses, and
 * the report says why. `compose` and the functions that load models call this first.
 */
export async function ensureBackend(): Promise<BackendReport> {
  const { backendName } = tf.engine() as unknown as { readonly backendName?: string };
  if (!backendName) {
    pending ??= useSimd();
    await pending;
  }
  return { ...currentBackend(), ...(fallback === undefined ? {} : { fallback }) };
}

async function useSimd(): Promise<void> {
  try {
    await useBackend();
  } catch (error) {
    fallback = error instanceof Error ? error.message : String(error);
    await tf.ready();
  } finally {
    pending = undefined;
  }
}
