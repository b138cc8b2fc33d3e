import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { soak } from './soak.js';

const usage = `npm run soak -- [--kills N] [--seed N] [--steps N]

Kills a training run on drawn images at N random moments (default 100), resumes it each time, and compares its weights, losses and
evaluations with those of a run that was never killed. What differs is kept in a temporary folder.`;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '40' },
    help: { type: 'boolean', default: false },
  },
});

const number = (name: 'kills' | 'seed' | 'steps'): number => {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`--${name} must be a whole number, at least 1, not '${values[name]}'.`);
};

async function main(): Promise<void> {
  if (values.help) return console.log(usage);
  const folder = await mkdtemp(join(tmpdir(), 'blip2-soak-'));
  const began = performance.now();
  const options = { folder, kills: number('kills'), seed: number('seed'), steps: number('steps') };
  const { differences, ...counts } = await soak({ ...options, onEvent: (text) => console.error(text) });
  const seconds = Math.round((performance.now() - began) / 1000);
  console.log(JSON.stringify({ ...counts, differences, seconds }));
  if (differences.length > 0) process.exitCode = 1;
  else await rm(folder, { recursive: true });
}

await main();
