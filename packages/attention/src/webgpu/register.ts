import * as tf from '@tensorflow/tfjs';
import { appendRowsKernel, copyRowsKernel } from './cache.js';
import { attention, attentionGrad, type WebgpuCall } from './kernels.js';

/**
 * Registers shaders of attention, its gradients, and in-place writes of key-value caches for TensorFlow.js' webgpu backend, whose package
 * `@tensorflow/tfjs-backend-webgpu` must be installed. Attention with a bias stays composed of TensorFlow.js' ops.
 * @param backend the result of `tf.backend()` after `await tf.setBackend('webgpu')`
 * @throws for another backend, and where the package is not installed
 */
export async function registerAttentionWebgpu(backend: tf.KernelBackend): Promise<void> {
  const { WebGPUBackend } = await peer();
  if (!(backend instanceof WebGPUBackend)) {
    throw new Error(
      "registerAttentionWebgpu needs the webgpu backend of TensorFlow.js; pass tf.backend() after tf.setBackend('webgpu').",
    );
  }
  for (const op of ['Attention', 'GroupedAttention']) {
    addKernel(op, attention);
    addKernel(`${op}Grad`, attentionGrad);
  }
  addKernel('AppendRows', appendRowsKernel);
  addKernel('CopyRows', copyRowsKernel);
}

function addKernel(kernelName: string, kernel: (call: WebgpuCall) => tf.TensorInfo | tf.TensorInfo[]): void {
  const backendName = 'webgpu';
  if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ kernelName, backendName, kernelFunc: (call) => kernel(call as unknown as WebgpuCall) });
}

/** Loads an optional peer dependency; inside `try`, bundlers accept that it is missing. */
async function peer(): Promise<typeof import('@tensorflow/tfjs-backend-webgpu')> {
  try {
    return await import('@tensorflow/tfjs-backend-webgpu');
  } catch (cause) {
    throw new Error(
      'registerAttentionWebgpu needs @tensorflow/tfjs-backend-webgpu; install it, or do without fused attention.',
      { cause },
    );
  }
}
