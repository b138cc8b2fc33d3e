import { expect, test } from '@jest/globals';
import { elementwiseKernels } from './kernels/elementwise.js';
import type { FastKernel, Wasm } from './kernels/kernel.js';
import { matmulKernels } from './kernels/matmul.js';
import { reduceKernels } from './kernels/reduce.js';
import { rowKernels } from './kernels/rows.js';
import { unaryKernels } from './kernels/unary.js';
import { loadKernels } from './kit.js';
import { selfCheck } from './self-check.js';
import { backend } from './test-support/both.js';

const kernels: Record<string, FastKernel> = {
  ...matmulKernels,
  ...unaryKernels,
  ...elementwiseKernels,
  ...reduceKernels,
  ...rowKernels,
};
const wasm: Wasm = await loadKernels(backend, { simd: new URL('../dist/kernels.simd.wasm', import.meta.url) });

test('right kernels pass, wrong ones are named, and nothing is left behind', () => {
  const { live } = backend.heap.statistics();
  expect(selfCheck(backend, wasm, kernels)).toBeUndefined();
  const spoil = (call: Parameters<FastKernel>[0]) =>
    kernels.Neg!({ ...call, inputs: { x: Object.values(call.inputs)[0]! } });
  expect(selfCheck(backend, wasm, { ...kernels, Exp: spoil })).toMatch(/^Exp gives/);
  expect(selfCheck(backend, wasm, { ...kernels, BatchMatMul: spoil })).toMatch(/^BatchMatMul gives/);
  const trap: FastKernel = () => {
    throw new Error('unreachable');
  };
  expect(selfCheck(backend, wasm, { ...kernels, Softmax: trap })).toContain('unreachable');
  expect(backend.heap.statistics().live).toBe(live);
});
