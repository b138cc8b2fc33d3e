import type * as tf from '@tensorflow/tfjs';

/**
 * Gives the backend of `@blip2/backend-simd`, which must be installed, kernels for `Attention` and `AttentionGrad`; `attend`
 * takes them wherever that backend runs. Elsewhere attention stays composed.
 * @param backend what `register` of `@blip2/backend-simd` returns
 */
export async function registerAttention(backend: tf.KernelBackend): Promise<void> {
  const { SimdBackend, addKernel, loadKernels } = await import('@blip2/backend-simd');
  if (!(backend instanceof SimdBackend)) {
    throw new Error('registerAttention has kernels for the backend of @blip2/backend-simd alone; give it that one.');
  }
  const { attention, attentionGrad } = await import('./kernels.js');
  const wasm = await loadKernels<'attention' | 'attentionGrad'>(backend, {
    simd: new URL('../../dist/kernels.simd.wasm', import.meta.url),
    relaxed: new URL('../../dist/kernels.relaxed.wasm', import.meta.url),
  });
  addKernel(backend, 'Attention', (call) => attention(call, wasm));
  addKernel(backend, 'AttentionGrad', (call) => attentionGrad(call, wasm));
}
