import * as tf from '@tensorflow/tfjs';
import type { SimdBackend } from './backend.js';
import type { Kernels } from './functions.js';
import { compile, type KernelUrls } from './modules.js';
import type { Agreement } from './native.js';
import { platform } from './platform.js';

/** The arguments of a kernel. */
export interface KernelCall {
  /** The backend, which allocates outputs and runs WebAssembly functions. */
  backend: SimdBackend;
  /** Input tensors by name. */
  inputs: Record<string, tf.TensorInfo>;
  /** Attributes by name. */
  attrs: Record<string, unknown>;
}

/**
 * Loads a WebAssembly module into every thread. It must import `env.memory` as shared with at most 65536 pages, and have no
 * data of its own; its functions take `(begin, end, thread, ...args)`.
 * @param agreement compares its functions with native ones of the same names, which are linked into the addon that the backend
 *   uses; those that agree take their places, from their first use on. Default: none
 * @returns its functions by name, for `backend.run`
 */
export async function loadKernels<Name extends string>(
  backend: SimdBackend,
  urls: KernelUrls,
  agreement?: Agreement<Name>,
): Promise<Kernels<Name>> {
  const { relaxedSimd, heap, pool } = backend;
  const { module } = await compile(await platform(), urls, { relaxedSimd, shared: heap.shared });
  return (await pool.load<Name>(module, agreement)).kernels;
}

/**
 * Registers a kernel for this backend, which `tf.engine().runKernel(name, inputs, attrs)` then runs. It is not registered
 * where the self-check at the start found that the JavaScript engine computes kernels incorrectly.
 */
export function addKernel(
  backend: SimdBackend,
  name: string,
  kernel: (call: KernelCall) => tf.TensorInfo | tf.TensorInfo[],
): void {
  if (!backend.trusted) return;
  const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) =>
    backend.statistics.count(name, false, () =>
      backend.runKernel(() =>
        kernel({ backend, inputs: inputs as KernelCall['inputs'], attrs: (attrs ?? {}) as KernelCall['attrs'] }),
      ),
    );
  if (tf.getKernel(name, backend.name)) tf.unregisterKernel(name, backend.name);
  tf.registerKernel({ kernelName: name, backendName: backend.name, kernelFunc });
}

/** Calls `f` with the address of `bytes` uninitialized bytes of the heap, which are freed afterwards. */
export function withScratch<R>(backend: SimdBackend, bytes: number, f: (pointer: number) => R): R {
  const pointer = backend.heap.allocate(bytes);
  try {
    return f(pointer);
  } finally {
    backend.heap.free(pointer, bytes);
  }
}
