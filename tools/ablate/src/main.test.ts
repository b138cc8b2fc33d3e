import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Result, resultSchema } from './results.js';

let out: string;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'ablate-'));
});
afterAll(() => rm(out, { recursive: true }));

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const cwd = fileURLToPath(new URL('..', import.meta.url));

/** Runs the command, and gives the results that it prints. */
async function run(...options: string[]): Promise<Result[]> {
  const node = ['--conditions=@blip2/source', '--import', 'tsx', main];
  const { stdout } = await promisify(execFile)(process.execPath, [...node, ...options], { cwd });
  return stdout
    .trim()
    .split('\n')
    .map((line) => resultSchema.parse(JSON.parse(line)));
}

/** What a result depends on: all but the time it took. */
const values = (results: readonly Result[]) => results.map(({ seconds: _, ...result }) => result);

test('a short ablation gives every score, and goes on where it was stopped with the same results', async () => {
  const options = ['--smoke', '--only', 'BERT', '--only', 'ITC unmasked', '--seeds', '1', '--out', out];
  const results = await run(...options);
  expect(results.map(({ name, stage }) => [name, stage])).toEqual([
    ['ITC unmasked', 1],
    ['BERT', 1],
    ['BERT', 2],
  ]);
  for (const { curve } of results) expect(curve.map(({ step }) => step)).toEqual([1, 2]);

  // as if it had been stopped while the last was trained, with its file half written
  for (const name of await readdir(out)) {
    const text = name.endsWith('.json') ? await readFile(join(out, name), 'utf8') : '{}';
    if (JSON.parse(text).result?.stage !== 2) continue;
    await rm(join(out, name));
    await writeFile(join(out, `${name}.tmp`), text.slice(0, 9));
  }
  const again = await run(...options);
  expect(values(again)).toEqual(values(results));
  expect(again.map((result, i) => result.seconds === results[i]?.seconds)).toEqual([true, true, false]);
}, 300_000);

test('an option that is wrong is refused before anything is trained', async () => {
  await expect(run('--only', 'no ITX')).rejects.toThrow("There is no configuration 'no ITX'; give one of 'whole', ");
  await expect(run('--seeds', 'x')).rejects.toThrow("--seeds must be a whole number, at least 1, not 'x'.");
}, 60_000);
