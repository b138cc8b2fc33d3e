import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openMetrics } from './metrics.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(`${tmpdir()}/metrics-`);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('records are lines; a resume cuts back to its step and drops what a kill cut short', async () => {
  const path = `${dir}/metrics.jsonl`;
  const first = await openMetrics(path);
  for (const step of [1, 2, 3]) await first.append({ step, loss: 1 / step });
  await writeFile(path, '{"step":1', { flag: 'a' });
  const second = await openMetrics(path, { lastStep: 2 });
  await second.append({ step: 3 });
  expect(await readFile(path, 'utf8')).toBe('{"step":1,"loss":1}\n{"step":2,"loss":0.5}\n{"step":3}\n');
  await openMetrics(path);
  expect(await readFile(path, 'utf8')).toBe('');
});

test('a folder that is not there gives one sentence', async () => {
  await expect(openMetrics(`${dir}/none/metrics.jsonl`)).rejects.toThrow('could not be written');
});
