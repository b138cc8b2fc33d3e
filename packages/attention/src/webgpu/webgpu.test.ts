import '@blip2/testing';
import { runOnDawn } from '@blip2/testing/webgpu';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { registerAttentionWebgpu } from './register.js';

interface Result {
  readonly name: string;
  /** Of outputs and gradients, on webgpu and on tfjs' cpu, relative to 1 + the value. */
  readonly differences: number[];
  /** Whether a second run gave the same bits. */
  readonly same: boolean;
  readonly leaked: number[];
}

interface Outcome {
  readonly kernels: string[];
  readonly results: Result[];
  /** What the device reported. */
  readonly errors: string[];
}

const outcome = await runOnDawn<Outcome>("Attention's shaders were", new URL('../../test/webgpu.ts', import.meta.url));
const onAdapter = outcome.skipped ? test.skip : test;

onAdapter(`the shaders run (${outcome.skipped ?? outcome.adapter})`, () => {
  expect(outcome.failed).toBeUndefined();
  expect(outcome.errors).toEqual([]);
  expect(outcome.kernels).toEqual(expect.arrayContaining(['Attention', 'AttentionGrad']));
  expect(outcome.kernels).not.toContain('BatchMatMul');
});

onAdapter('values and gradients equal the composed ones, the same bits each time, and nothing is left', () => {
  expect(outcome.results?.length).toBeGreaterThan(10);
  for (const { name, differences, same, leaked } of outcome.results ?? []) {
    expect([name, differences.length > 0, differences.filter((x) => !(x <= 1e-4))]).toEqual([name, true, []]);
    expect([name, same, ...leaked]).toEqual([name, true, 0, 0]);
  }
});

test('another backend is refused', async () => {
  await expect(registerAttentionWebgpu(tf.findBackend('cpu'))).rejects.toThrow(
    'needs the webgpu backend of TensorFlow.js',
  );
});
