import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { elementwiseKernels } from './kernels/elementwise.js';
import type { FastKernel, Wasm } from './kernels/kernel.js';
import { matmulKernels } from './kernels/matmul.js';
import { rowKernels } from './kernels/rows.js';
import { unaryKernels } from './kernels/unary.js';
import { addKernel, loadKernels } from './kit.js';
import { register } from './register.js';
import { selfCheck } from './self-check.js';
import { backend, numbers, on } from './test-support/both.js';

const kernels: Record<string, FastKernel> = { ...matmulKernels, ...unaryKernels, ...elementwiseKernels, ...rowKernels };
const build = new URL('../dist/kernels.simd.wasm', import.meta.url);
const wasm: Wasm = await loadKernels(backend, { simd: build });

test('right kernels pass, wrong ones are named, and nothing is left behind', () => {
  const { live } = backend.heap.statistics();
  expect(selfCheck(backend, wasm, kernels)).toBeUndefined();
  const spoil = (call: Parameters<FastKernel>[0]) =>
    kernels.Neg!({ ...call, inputs: { x: Object.values(call.inputs)[0]! } });
  expect(selfCheck(backend, wasm, { ...kernels, Exp: spoil })).toMatch(/^Exp gives/);
  expect(selfCheck(backend, wasm, { ...kernels, Softmax: spoil })).toMatch(/^Softmax gives/);
  expect(selfCheck(backend, wasm, { ...kernels, BatchMatMul: spoil })).toMatch(/^BatchMatMul gives/);
  const trap: FastKernel = () => {
    throw new Error('unreachable');
  };
  expect(selfCheck(backend, wasm, { ...kernels, Softmax: trap })).toContain('unreachable');
  expect(backend.heap.statistics().live).toBe(live);
});

/** Each way of BatchMatMul alone gives wrong numbers. */
test.each([
  [false, false],
  [false, true],
  [true, false],
])('a wrong product is seen, transposed %p, %p', (transposeA, transposeB) => {
  const wrongOne: FastKernel = (call) => {
    const out = kernels.BatchMatMul!(call) as tf.TensorInfo;
    const { attrs } = call;
    if (attrs.transposeA === transposeA && attrs.transposeB === transposeB)
      (backend.data.get(out.dataId).values as Float32Array)[out.shape[1]! + 3]! += 0.01;
    return out;
  };
  expect(selfCheck(backend, wasm, { ...kernels, BatchMatMul: wrongOne })).toMatch(/^BatchMatMul gives/);
});

const LOG2E = Buffer.from(Float32Array.of(Math.LOG2E).buffer);
const HALF = Buffer.from(Float32Array.of(Math.LOG2E / 2).buffer);

/** Another factor in the exponential: what a miscompiled kernel looks like. */
function wrongExp(bytes: Buffer): Buffer {
  const wrong = Buffer.from(bytes);
  for (let i = wrong.indexOf(LOG2E); i >= 0; i = wrong.indexOf(LOG2E)) wrong.set(HALF, i);
  return wrong;
}

const noSoftmax = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString('latin1').replace('softmax', 'softxam'), 'latin1');

test.each([
  ['of another exponential', wrongExp, 'Exp gives'],
  ['without softmax', noSoftmax, 'TypeError'],
])("with a build %s, tfjs' kernels serve every op, and a warning says so", async (_, spoil, said) => {
  const folder = await mkdtemp(join(tmpdir(), 'blip2-kernels-'));
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => {});
  try {
    const file = join(folder, 'kernels.wasm');
    await writeFile(file, spoil(await readFile(build)));
    const options = { name: 'broken', threads: 2, kernels: { simd: pathToFileURL(file) } };
    const broken = await register(options);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]![0]).toContain(`are wrong here (${said}`);
    addKernel(broken, 'Gelu', () => {
      throw new Error('a kernel of an engine that is not trusted');
    });
    expect(tf.getKernel('Gelu', 'broken')).toBeUndefined();
    const ops = (): tf.Tensor[] => {
      const x = tf.tensor2d(numbers([40, 30], 1), [40, 30]);
      return [tf.matMul(x, x, false, true), tf.softmax(x), tf.exp(x), tf.grad((x: tf.Tensor) => tf.softmax(x))(x)];
    };
    expect(on('broken', ops)).toEqual(on('cpu', ops));
    expect(Object.keys(broken.statistics.fallbacks())).toEqual(
      expect.arrayContaining(['BatchMatMul', 'Softmax', 'Exp']),
    );
    expect(broken.pool.threads).toBe(2);
  } finally {
    warn.mockRestore();
    if (tf.findBackend('broken')) tf.removeBackend('broken');
    await rm(folder, { recursive: true });
  }
});
