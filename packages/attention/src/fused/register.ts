import type * as tf from '@tensorflow/tfjs';
import { agreement } from './agreement.js';
import { appendRowsKernel, copyRowsKernel, extendKernel } from './cache.js';
import { DIGEST } from './digest.js';
import { attention, attentionGrad, attentionGradWithBias, type Tools } from './kernels.js';
import { rotaryKernel } from './rotary.js';

/** The WebAssembly modules of this package: their URLs, if a bundler has moved them, or their bytes. */
export interface AttentionKernelUrls {
  /** The build for every engine with SIMD. */
  simd: URL | Uint8Array;
  /** The build for engines with relaxed SIMD. */
  relaxed?: URL | Uint8Array;
}

const BUILDS: AttentionKernelUrls = {
  simd: new URL('../../dist/kernels.simd.wasm', import.meta.url),
  relaxed: new URL('../../dist/kernels.relaxed.wasm', import.meta.url),
};

/**
 * Registers fused kernels of attention and its gradients, of rotary positions, and in-place writes of key-value caches, for the backend of
 * `@blip2/backend-simd`, which must be installed. On other backends attention stays composed of TensorFlow.js' ops.
 * @param backend the result of `register` of `@blip2/backend-simd`
 * @param kernels the WebAssembly modules. Default: those of this package
 * @throws for another backend, for modules of another version, and where `@blip2/backend-simd` is not installed
 */
export async function registerAttention(
  backend: tf.KernelBackend,
  kernels: AttentionKernelUrls = BUILDS,
): Promise<void> {
  const { SimdBackend, addKernel, loadKernels, withScratch } = await kit();
  if (!(backend instanceof SimdBackend)) {
    throw new Error('registerAttention needs the backend of @blip2/backend-simd; pass the result of its register().');
  }
  const wasm: Tools['wasm'] = await loadKernels(
    backend,
    { ...kernels, digest: DIGEST },
    agreement(backend, withScratch),
  );
  for (const op of ['Attention', 'GroupedAttention', 'DropoutAttention', 'DropoutGroupedAttention']) {
    addKernel(backend, op, (call) => attention(call, { wasm, withScratch }));
    addKernel(backend, `${op}Grad`, (call) => attentionGrad(call, { wasm, withScratch }));
    addKernel(backend, `${op}GradWithBias`, (call) => attentionGradWithBias(call, { wasm, withScratch }));
  }
  addKernel(backend, 'Rotary', (call) => rotaryKernel(call, wasm));
  addKernel(backend, 'AppendRows', appendRowsKernel);
  addKernel(backend, 'CopyRows', copyRowsKernel);
  addKernel(backend, 'ExtendAttention', (call) => extendKernel(call, { wasm, withScratch }));
}

/** Loads an optional peer dependency; inside `try`, bundlers accept that it is missing. */
async function kit(): Promise<typeof import('@blip2/backend-simd')> {
  try {
    return await import('@blip2/backend-simd');
  } catch (cause) {
    throw new Error('registerAttention needs @blip2/backend-simd; install it, or do without fused attention.', {
      cause,
    });
  }
}
