import * as tf from '@tensorflow/tfjs';
import { attention, attentionGrad, type WebgpuCall } from './kernels.js';

/**
 * Gives tfjs' webgpu backend, whose package `@tensorflow/tfjs-backend-webgpu` must be installed, shaders for attention
 * and its gradients, which `attend` takes wherever that backend runs. Attention with a bias, and elsewhere, stays composed.
 * @param backend what `tf.backend()` returns after `await tf.setBackend('webgpu')`
 */
export async function registerAttentionWebgpu(backend: tf.KernelBackend): Promise<void> {
  const { WebGPUBackend } = await peer();
  if (!(backend instanceof WebGPUBackend)) {
    throw new Error(
      'registerAttentionWebgpu has shaders for the webgpu backend of TensorFlow.js alone; give it that one.',
    );
  }
  for (const op of ['Attention', 'GroupedAttention']) {
    addKernel(op, attention);
    addKernel(`${op}Grad`, attentionGrad);
  }
}

function addKernel(kernelName: string, kernel: (call: WebgpuCall) => tf.TensorInfo | tf.TensorInfo[]): void {
  const backendName = 'webgpu';
  if (tf.getKernel(kernelName, backendName)) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ kernelName, backendName, kernelFunc: (call) => kernel(call as unknown as WebgpuCall) });
}

/** An optional peer: inside `try`, bundlers go on without it. */
async function peer(): Promise<typeof import('@tensorflow/tfjs-backend-webgpu')> {
  try {
    return await import('@tensorflow/tfjs-backend-webgpu');
  } catch (cause) {
    throw new Error(
      'registerAttentionWebgpu needs @tensorflow/tfjs-backend-webgpu; install it, or leave attention composed.',
      { cause },
    );
  }
}
