import '@blip2/testing';
import { runOnDawn } from '@blip2/testing/webgpu';
import { expect, test } from '@jest/globals';

interface Result {
  readonly name: string;
  readonly shapes: boolean;
  /** Of each output and gradient, as shares of its largest magnitude on tfjs' cpu backend. */
  readonly differences: number[];
  readonly leaked: number[];
}

const outcome = await runOnDawn<{ results: Result[]; errors: string[] }>(
  'The shaders were',
  new URL('../test/kernels.ts', import.meta.url),
);
const onAdapter = outcome.skipped ? test.skip : test;

onAdapter(`values and gradients are those of the composed ops, and nothing is left (${outcome.adapter})`, () => {
  expect(outcome.failed).toBeUndefined();
  expect(outcome.errors).toEqual([]);
  expect(outcome.results?.length).toBeGreaterThan(30);
  for (const { name, shapes, differences, leaked } of outcome.results ?? []) {
    expect([name, shapes, differences.filter((x) => !(x <= 1e-5))]).toEqual([name, true, []]);
    expect([name, ...leaked]).toEqual([name, 0, 0]);
  }
});
