import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fuzz } from './engine/run.js';
import { targets } from './targets/index.js';

const usage = `npm run fuzz -- [--seconds N] [--inputs N] [--only NAME] [--seed N]

Changes good files at random, keeps what reaches new code, and reports what fails without a clear sentence, hangs,
or allocates more than 64 MB. --seconds and --inputs are for each of ${Object.keys(targets).join(', ')}; whichever comes
first. What is found is written to tools/fuzz/.cache.`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    inputs: { type: 'string', default: '1000000' },
    only: { type: 'string' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});

const number = (name: 'seconds' | 'inputs' | 'seed'): number => {
  const value = Number(values[name]);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`--${name} must be a number, not '${values[name]}'.`);
};

async function main(): Promise<void> {
  if (values.help) return console.log(usage);
  const names = Object.keys(targets).filter((name) => values.only === undefined || name === values.only);
  if (names.length === 0)
    throw new Error(`There is no '${values.only}'; there are ${Object.keys(targets).join(', ')}.`);
  const options = { seed: number('seed'), inputs: number('inputs'), seconds: number('seconds') };
  const folder = fileURLToPath(new URL('../.cache/', import.meta.url));
  let found = 0;
  for (const name of names) {
    const { findings, ...result } = await fuzz(name, options);
    console.log(JSON.stringify({ ...result, findings: findings.length }));
    await mkdir(folder, { recursive: true });
    for (const [i, { finding, input }] of findings.entries()) {
      const file = join(folder, `${name}-${i}`);
      await writeFile(file, input);
      console.log(`  ${finding}\n    ${file}`);
    }
    found += findings.length;
  }
  console.log(`${found} findings`);
  if (found > 0) process.exitCode = 1;
}

await main();
