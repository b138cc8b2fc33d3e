import '@blip2/testing';
import { runOnDawn } from '@blip2/testing/webgpu';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type DeviceReport, useDevice } from './device.js';

interface Choice extends DeviceReport {
  readonly name: string;
  readonly backend: string;
  readonly leaked: number;
  readonly seconds: number;
}

const outcome = await runOnDawn<{ choices: Choice[]; warnings: string[] }>(
  'The choice of a device was',
  new URL('../test/device.ts', import.meta.url),
);
const onAdapter = outcome.skipped ? test.skip : test;

const choice = (name: string): Choice => {
  expect(outcome.failed).toBeUndefined();
  return outcome.choices?.find((one) => one.name === name) as Choice;
};

onAdapter('webgpu computes where it is asked for and its numbers are right', () => {
  expect(choice('as asked for')).toMatchObject({ device: 'webgpu', backend: 'webgpu', leaked: 0 });
});

onAdapter(`auto measures, and takes WebAssembly beside a GPU in software (${outcome.adapter})`, () => {
  const { measured, reason, ...rest } = choice('measured');
  expect(rest).toMatchObject({ requested: 'auto', device: 'wasm', backend: 'simd', leaked: 0 });
  expect(measured?.length).toBeGreaterThan(0);
  for (const { wasm, webgpu } of measured ?? []) expect(Math.min(wasm, webgpu)).toBeGreaterThan(0);
  expect(reason).toMatch(/^A few products took [\d.]+ ms with WebAssembly and [\d.]+ ms with WebGPU\.$/);
});

onAdapter('wrong numbers, errors and reports of WebGPU fall back to WebAssembly with a warning', () => {
  const wrong = [choice('wrong numbers'), choice('an error'), choice('a report')];
  for (const one of wrong) expect(one).toMatchObject({ device: 'wasm', backend: 'simd' });
  const [numbers, error, report] = wrong.map(({ reason }) => reason);
  expect(numbers).toMatch(/^WebGPU computes wrongly here \(attention gives 0 for -?[\d.]+\)\.$/);
  expect(error).toBe('WebGPU computes wrongly here (a product with I8 weights fails: no such shader).');
  expect(report).toMatch(/a matrix product fails: /);
  expect(outcome.warnings).toEqual([numbers, error, report].map((text) => `${text} The WebAssembly kernels compute.`));
});

test('without WebGPU, WebAssembly computes, and the report says why', async () => {
  const warn = console.warn;
  const warnings: unknown[] = [];
  console.warn = (text: unknown) => warnings.push(text);
  try {
    for (const device of ['auto', 'webgpu'] as const) {
      const { reason, ...rest } = await useDevice(device, { wasm: 'cpu' });
      expect(rest).toEqual({ requested: device, device: 'wasm' });
      expect(reason).toBe('There is no WebGPU here; use a browser that has it, or the wasm device.');
      expect(tf.getBackend()).toBe('cpu');
    }
  } finally {
    console.warn = warn;
  }
  expect(warnings.length).toBe(1);
  await expect(useDevice('auto', { wasm: 'none' })).rejects.toThrow(
    "There is no backend 'none' to compare WebGPU with",
  );
});
