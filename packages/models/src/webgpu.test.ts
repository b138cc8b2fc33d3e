import '@blip2/testing';
import { runOnDawn } from '@blip2/testing/webgpu';
import type { DeviceReport } from '@blip2/training';
import { expect, test } from '@jest/globals';

interface Used {
  readonly chosen: DeviceReport;
  readonly tokens: number[][];
  readonly leaked: number;
}

interface Outcome {
  /** With WebAssembly, and on webgpu. */
  readonly used: [Used, Used];
  /** Losses and norms of gradients of each step, likewise. */
  readonly trained: [Record<string, number>[], Record<string, number>[]];
}

const outcome = await runOnDawn<Outcome>('The whole path was', new URL('../test/webgpu.ts', import.meta.url));
const onAdapter = outcome.skipped ? test.skip : test;

onAdapter(`a model gives on webgpu the ids that it gives with WebAssembly (${outcome.adapter})`, () => {
  expect(outcome.failed).toBeUndefined();
  const [right, mine] = outcome.used as Outcome['used'];
  expect([right.chosen.device, mine.chosen.device]).toEqual(['wasm', 'webgpu']);
  expect(mine.tokens).toEqual(right.tokens);
  expect(mine.tokens.map(({ length }) => length > 1)).toEqual([true, true]);
  expect([right.leaked, mine.leaked]).toEqual([0, 0]);
});

onAdapter('both stages train on webgpu as with WebAssembly', () => {
  const [right, mine] = outcome.trained as Outcome['trained'];
  expect(mine.length).toBe(4);
  for (const [step, terms] of right.entries()) {
    for (const [name, value] of Object.entries(terms)) {
      const difference = Math.abs((mine[step]?.[name] as number) - value) / (1 + Math.abs(value));
      expect([step, name, difference < 1e-4 ? 'close' : difference]).toEqual([step, name, 'close']);
    }
  }
});
