import { expect, test } from '@jest/globals';
import { startCoverage } from './engine/coverage.js';
import { explore } from './engine/explore.js';
import { fuzz } from './engine/run.js';
import type { Target } from './target.js';
import { targets } from './targets/index.js';
import { isBuilt } from './targets/native.js';

const names = Object.keys(targets).filter((name) => name !== 'native' || isBuilt());

test.each(names)('%s: a few mutations are read or refused clearly', async (name) => {
  const target = await targets[name]!();
  const corpus = await target.seeds();
  const findings: string[] = [];
  const options = {
    seed: 3,
    inputs: 80,
    until: Date.now() + 5000,
    corpus,
    onFinding: (found: string) => findings.push(found),
  };
  const { inputs, loaded, refused } = await explore(target, options);
  expect(findings).toEqual([]);
  expect(loaded + refused).toBe(inputs);
  expect(loaded).toBeGreaterThan(2);
});

test('faults of every kind are found', async () => {
  const planted = new URL('./targets/planted.ts', import.meta.url).href;
  const { findings, inputs } = await fuzz(planted, { seed: 1, inputs: 8, seconds: 60, patience: 400 });
  const kinds = findings.map(({ finding }) => finding.split(':')[0]);
  expect(kinds).toEqual(
    expect.arrayContaining(['TypeError', expect.stringMatching(/^\d+ MB for a file/), 'changed Object.prototype']),
  );
  expect(kinds).toEqual(expect.arrayContaining(['no sentence', 'hung for 2000 ms']));
  expect(inputs).toBe(8);
});

test('inputs that reach new code are kept', async () => {
  const coverage = startCoverage();
  const target: Target = { ...(await targets.safetensors!()) };
  const [seed] = await target.seeds();
  const kept: Uint8Array[] = [];
  const options = { seed: 1, inputs: 150, until: Date.now() + 10_000, corpus: [seed!], coverage };
  await explore(target, { ...options, onNew: (input) => kept.push(input) });
  expect(coverage.size).toBeGreaterThan(1000);
  expect(kept.length).toBeGreaterThan(0);
});
