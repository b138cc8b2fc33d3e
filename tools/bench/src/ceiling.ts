import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadKernels, type SimdBackend } from '@blip2/backend-simd';
import type { BenchRun, Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';
import type { CaseInfo } from './protocol.js';

const ROUNDS = 8_000_000;
const ITEMS = 64;
const BLOCK = 1 << 16;
const BLOCKS = 2048;

/** What the kernels are measured against: multiply-adds that touch no memory, and memory that nothing is computed of. */
export const ceilingCases: readonly [fma: CaseInfo, stream: CaseInfo, read: CaseInfo, wide: CaseInfo] = [
  { bench: 'ceiling', case: 'fma', flops: 2 * 4 * 12 * ROUNDS },
  { bench: 'ceiling', case: 'stream', bytes: 2 * BLOCK * BLOCKS },
  { bench: 'ceiling', case: 'read', bytes: BLOCK * BLOCKS },
  { bench: 'ceiling', case: 'fma of 256 bits', flops: 2 * 8 * 12 * ROUNDS },
];
/** Multiply-adds of AVX2, where a compiler and the processor have them. */
export const wideFma = ceilingCases[3];

/** Prepares a ceiling's loop to run on this backend. */
export async function ceilings(backend: SimdBackend): Promise<Suite> {
  const wasm = await loadKernels<'fma' | 'stream' | 'read'>(backend, {
    simd: new URL('../dist/kernels.simd.wasm', import.meta.url),
    relaxed: new URL('../dist/kernels.relaxed.wasm', import.meta.url),
  });
  const floats = (BLOCK * BLOCKS) / 4;
  const [fma, stream, read] = ceilingCases;
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
      {
        name: read.case,
        prepare: () => {
          const [x, sums] = [tf.ones([floats]), tf.zeros([BLOCKS, 4])];
          const pointers = [backend.pointer(x), backend.pointer(sums)];
          return {
            run: () => backend.run(wasm.read, BLOCKS, 1e9, ...pointers, BLOCK),
            dispose: () => tf.dispose([x, sums]),
          };
        },
      },
    ],
  };
}

/** Compiles the loop of `native/fma.c`. @throws when asked for it where there is no C compiler, and without AVX2 */
export function wideCeiling(): Suite {
  const prepare = (): BenchRun => {
    const folder = mkdtempSync(join(tmpdir(), 'blip2-ceiling-'));
    try {
      const file = join(folder, 'fma.node');
      const source = fileURLToPath(new URL('../native/fma.c', import.meta.url));
      const flags = ['-O2', '-mavx2', '-mfma', '-fPIC', '-shared'];
      const { status } = spawnSync(process.env.CC ?? 'cc', [...flags, source, '-o', file]);
      if (status !== 0) throw new Error('it has no C compiler for AVX2');
      const module = { exports: {} as { fma(rounds: number): number } };
      process.dlopen(module, file);
      return { run: () => void module.exports.fma(ROUNDS), dispose: () => {} };
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  return { bench: wideFma.bench, cases: [{ name: wideFma.case, prepare }] };
}
