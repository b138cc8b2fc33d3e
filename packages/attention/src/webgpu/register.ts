import * as tf from '@tensorflow/tfjs';
import { attention, attentionGrad, type WebgpuCall } from './kernels.js';

/**
 * Gives tfjs' webgpu backend, whose package `@tensorflow/tfjs-backend-webgpu` must be installed, shaders for `Attention` and
 * `AttentionGrad`; `attend` takes them wherever that backend runs. Elsewhere attention stays composed.
 * @param backend what `tf.backend()` returns after `await tf.setBackend('webgpu')`
 */
export async function registerAttentionWebgpu(backend: tf.KernelBackend): Promise<void> {
  const { WebGPUBackend } = await peer();
  if (!(backend instanceof WebGPUBackend)) {
    throw new Error(
      'registerAttentionWebgpu has shaders for the webgpu backend of TensorFlow.js alone; give it that one.',
    );
  }
  for (const [kernelName, kernel] of [
    ['Attention', attention],
    ['AttentionGrad', attentionGrad],
  ] as const) {
    if (tf.getKernel(kernelName, 'webgpu')) tf.unregisterKernel(kernelName, 'webgpu');
    tf.registerKernel({
      kernelName,
      backendName: 'webgpu',
      kernelFunc: (call) => kernel(call as unknown as WebgpuCall),
    });
  }
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
