import type * as tf from '@tensorflow/tfjs';
import { appendRowsKernel, copyRowsKernel } from './cache.js';
import { attention, attentionBiasGrad, attentionGrad, type Tools } from './kernels.js';

/** Where the wasm modules lie: `KernelUrls` of `@blip2/backend-simd`, which is not imported here: it may not be installed. */
export interface AttentionKernelUrls {
  simd: URL;
  relaxed?: URL;
}

const BUILDS: AttentionKernelUrls = {
  simd: new URL('../../dist/kernels.simd.wasm', import.meta.url),
  relaxed: new URL('../../dist/kernels.relaxed.wasm', import.meta.url),
};

/**
 * Gives the backend of `@blip2/backend-simd`, which must be installed, kernels for attention and its gradients, which `attend`
 * takes wherever that backend runs, and for the rows that `keyValueCache` writes in place. Elsewhere attention stays composed.
 * @param backend what `register` of `@blip2/backend-simd` returns
 * @param kernels where the wasm modules lie, if not where this package keeps them
 */
export async function registerAttention(
  backend: tf.KernelBackend,
  kernels: AttentionKernelUrls = BUILDS,
): Promise<void> {
  const { SimdBackend, addKernel, loadKernels, withScratch } = await kit();
  if (!(backend instanceof SimdBackend)) {
    throw new Error('registerAttention has kernels for the backend of @blip2/backend-simd alone; give it that one.');
  }
  const wasm: Tools['wasm'] = await loadKernels(backend, kernels);
  for (const op of ['Attention', 'GroupedAttention']) {
    addKernel(backend, op, (call) => attention(call, { wasm, withScratch }));
    addKernel(backend, `${op}Grad`, (call) => attentionGrad(call, { wasm, withScratch }));
    addKernel(backend, `${op}BiasGrad`, (call) => attentionBiasGrad(call, { wasm, withScratch }));
  }
  addKernel(backend, 'AppendRows', appendRowsKernel);
  addKernel(backend, 'CopyRows', copyRowsKernel);
}

/** An optional peer: inside `try`, bundlers go on without it. */
async function kit(): Promise<typeof import('@blip2/backend-simd')> {
  try {
    return await import('@blip2/backend-simd');
  } catch (cause) {
    throw new Error('registerAttention needs @blip2/backend-simd; install it, or leave attention composed.', { cause });
  }
}
