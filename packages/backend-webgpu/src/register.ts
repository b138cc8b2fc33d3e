import { registerAttentionWebgpu } from '@blip2/attention';
import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { adamwKernels } from './kernels/adamw.js';
import { crossEntropyKernels } from './kernels/cross-entropy.js';
import { dropoutKernels } from './kernels/dropout.js';
import { geluKernels } from './kernels/gelu.js';
import { normKernels } from './kernels/norms.js';
import { quantizedKernels } from './kernels/quantized.js';
import { trigonometryKernels } from './kernels/trigonometry.js';
import { writeKernels } from './kernels/write.js';
import type { Kernel } from './program.js';

const NAME = 'webgpu';

const KERNELS: Readonly<Record<string, Kernel>> = {
  ...quantizedKernels,
  ...geluKernels,
  ...normKernels,
  ...crossEntropyKernels,
  ...dropoutKernels,
  ...adamwKernels,
  ...trigonometryKernels,
  ...writeKernels,
};

/**
 * Starts TensorFlow.js' webgpu backend, whose package `@tensorflow/tfjs-backend-webgpu` must be installed, and registers shaders for
 * the named ops of `@blip2/tensor` and `@blip2/attention`. The backend in use stays in use: `tf.setBackend('webgpu')` changes that.
 * Errors that WebGPU reports later, of memory for instance, are warned of once: results after them may be wrong.
 * @throws where there is no WebGPU or no adapter, and where the package is not installed
 */
export async function register(): Promise<WebGPUBackend> {
  const { gpu } = (globalThis.navigator ?? {}) as { gpu?: GPU };
  if (!gpu) throw new Error('There is no WebGPU here; use a browser that has it, or the wasm device.');
  await peer();
  if (!(await gpu.requestAdapter()))
    throw new Error('WebGPU has no adapter here: no GPU, or none that it supports; use the wasm device.');
  const backend = await start();
  if (!registered) await registerKernels(backend);
  watch(backend);
  return backend;
}

let registered = false;

async function registerKernels(backend: WebGPUBackend): Promise<void> {
  for (const [kernelName, kernel] of Object.entries(KERNELS)) {
    if (tf.getKernel(kernelName, NAME)) tf.unregisterKernel(kernelName, NAME);
    tf.registerKernel({
      kernelName,
      backendName: NAME,
      kernelFunc: ({ inputs, attrs, backend }) => kernel({ backend, inputs, attrs: attrs ?? {} } as never),
    });
  }
  await registerAttentionWebgpu(backend);
  registered = true;
}

/** The backend, which TensorFlow.js starts when it is set. */
async function start(): Promise<WebGPUBackend> {
  const { backendName: before } = tf.engine() as unknown as { readonly backendName?: string };
  const works = await tf.setBackend(NAME).catch(() => false);
  const backend = works ? (tf.backend() as WebGPUBackend) : undefined;
  if (before !== undefined && before !== NAME) await tf.setBackend(before);
  if (backend) return backend;
  throw new Error('The webgpu backend of TensorFlow.js does not start here; use the wasm device.');
}

const watched = new WeakSet<GPUDevice>();

/** Without a listener wrong numbers would be all that is seen of an error. */
function watch({ device }: WebGPUBackend): void {
  if (watched.has(device)) return;
  watched.add(device);
  let warned = false;
  const warn = (what: string): void => {
    if (!warned) console.warn(`WebGPU reports: ${what} Results may be wrong from now on; use the wasm device.`);
    warned = true;
  };
  device.addEventListener('uncapturederror', (event) => warn((event as GPUUncapturedErrorEvent).error.message));
  void device.lost.then(({ reason, message }) => {
    if (reason !== 'destroyed') warn(`the device was lost (${message}).`);
  });
}

/** Loads an optional peer dependency; inside `try`, bundlers accept that it is missing. */
async function peer(): Promise<void> {
  try {
    await import('@tensorflow/tfjs-backend-webgpu');
  } catch (cause) {
    throw new Error('The webgpu device needs @tensorflow/tfjs-backend-webgpu; install it, or use the wasm device.', {
      cause,
    });
  }
}
