import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Reporter } from '@blip2/runs';
import { ablate } from './ablate.js';
import { writeFindings } from './page/write.js';
import { readResults, writeResults } from './results.js';
import { findings, type Scale, smoke } from './scale.js';
import { table } from './table.js';

const usage = `pnpm ablate [--only NAME]… [--seeds N] [--steps N | --smoke] [--threads N] [--out DIR] | --collect | --render

Trains the table of configurations (tools/ablate/src/table.ts) with seeds 0 to N - 1 (default 3), evaluates them, keeps the results
in tools/ablate/results.json, and writes docs/findings.md with its plots from them. With --only, --steps or --smoke, quick runs,
results are printed and nothing in the repository is written. A run that was stopped goes on where it was.

  --only NAME   a configuration by name, as often as wanted
  --steps N     steps of each stage
  --smoke       two steps with a few images: shows that everything runs
  --out DIR     where each result is kept (default runs/ablate)
  --collect     trains nothing: writes the page from the results that are in --out
  --render      only writes the page from tools/ablate/results.json`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    seeds: { type: 'string', default: '3' },
    steps: { type: 'string' },
    smoke: { type: 'boolean', default: false },
    threads: { type: 'string', default: '1' },
    out: { type: 'string', default: fileURLToPath(new URL('../../../runs/ablate', import.meta.url)) },
    collect: { type: 'boolean', default: false },
    render: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** A whole number of at least 1. */
function count(name: 'seeds' | 'steps' | 'threads', text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`--${name} must be a whole number, at least 1, not '${text}'.`);
}

function chosen(names: readonly string[]) {
  const unknown = names.find((name) => !table.some((one) => one.name === name));
  if (unknown === undefined) return table.filter(({ name }) => names.includes(name));
  const known = table.map(({ name }) => `'${name}'`).join(', ');
  throw new Error(`There is no configuration '${unknown}'; give one of ${known}.`);
}

const reporter: Reporter = { progress: () => {}, step: () => {}, note: (text) => console.error(text) };

async function main(): Promise<void> {
  if (values.help) return console.log(usage);
  if (values.render) return writeFindings(await readResults());
  const { only, out } = values;
  const scale = chosenScale();
  const results = await ablate({
    configurations: only ? chosen(only) : table,
    seeds: Array.from({ length: count('seeds', values.seeds) }, (_, seed) => seed),
    ...{ scale, out, threads: count('threads', values.threads), collect: values.collect, reporter },
  });
  if (only || scale !== findings) {
    for (const result of results.results) console.log(JSON.stringify(result));
    return;
  }
  await writeResults(results);
  await writeFindings(await readResults()); // as they are kept, rounded
}

function chosenScale(): Scale {
  if (values.smoke) return smoke;
  if (values.steps === undefined) return findings;
  const steps = count('steps', values.steps);
  return { ...findings, stage1: steps, stage2: steps, phrases: steps >> 1, watchEvery: steps };
}

await main();
