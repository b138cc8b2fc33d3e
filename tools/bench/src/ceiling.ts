import { loadKernels, type SimdBackend } from '@blip2/backend-simd';
import type { Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';
import type { CaseInfo } from './protocol.js';

const ROUNDS = 8_000_000;
const ITEMS = 64;
const BLOCK = 1 << 16;
const BLOCKS = 2048;

/** What the kernels are measured against: multiply-adds that touch no memory, and memory that nothing is computed of. */
export const ceilingCases: readonly [fma: CaseInfo, stream: CaseInfo] = [
  { bench: 'ceiling', case: 'fma', flops: 2 * 4 * 12 * ROUNDS },
  { bench: 'ceiling', case: 'stream', bytes: 2 * BLOCK * BLOCKS },
];

/** Prepares a ceiling's loop to run on this backend. */
export async function ceilings(backend: SimdBackend): Promise<Suite> {
  const wasm = await loadKernels<'fma' | 'stream'>(backend, {
    simd: new URL('../dist/kernels.simd.wasm', import.meta.url),
    relaxed: new URL('../dist/kernels.relaxed.wasm', import.meta.url),
  });
  const floats = (BLOCK * BLOCKS) / 4;
  const [fma, stream] = ceilingCases;
  return {
    bench: fma.bench,
    cases: [
      {
        name: fma.case,
        prepare: () => {
          const out = tf.zeros([ITEMS, 4]);
          const work = [ROUNDS / ITEMS, backend.pointer(out)];
          return { run: () => backend.run(wasm.fma, ITEMS, 1e9, ...work), dispose: () => out.dispose() };
        },
      },
      {
        name: stream.case,
        prepare: () => {
          const [x, y] = [tf.ones([floats]), tf.zeros([floats])];
          const pointers = [backend.pointer(x), backend.pointer(y)];
          return {
            run: () => backend.run(wasm.stream, BLOCKS, 1e9, ...pointers, BLOCK),
            dispose: () => tf.dispose([x, y]),
          };
        },
      },
    ],
  };
}
