import { readdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Answer, type CaseInfo, contenders, labelOf } from './contender.js';
import { interleave } from './measure.js';
import { ContenderProcess } from './process.js';
import { results, type Timed, textOf } from './result.js';

const usage = `pnpm bench [FILTER] [--json] [--only simd,wasm] [--rounds 20] [--budget 4000]
  FILTER    a part of 'bench case', as in 'matmul' or 'layer norm'
  --only    these contenders: ${contenders.map(labelOf).join('; ')}
  --rounds  samples of each contender
  --budget  milliseconds that one contender may take for a case`;

const packages = new URL('../../../packages/', import.meta.url);

/** Every `packages/NAME/bench/*.bench.ts`. */
async function benchFiles(): Promise<string[]> {
  const names = (await readdir(packages)).sort();
  const files = await Promise.all(
    names.map(async (name) => {
      const folder = new URL(`${name}/bench/`, packages);
      const found = await readdir(folder).catch(() => []);
      return found.filter((file) => file.endsWith('.bench.ts')).map((file) => new URL(file, folder).href);
    }),
  );
  return files.flat();
}

interface Options {
  readonly filter: string;
  readonly json: boolean;
  readonly rounds: number;
  readonly budget: number;
}

async function runCase(info: CaseInfo, processes: readonly ContenderProcess[], options: Options): Promise<void> {
  const ready: ContenderProcess[] = [];
  if (!options.json) process.stdout.write(`${info.bench}: ${info.case}\n`);
  for (const one of processes) {
    try {
      await one.ask({ ask: 'prepare', bench: info.bench, case: info.case });
      ready.push(one);
    } catch (error) {
      if (info.bench === 'ceiling') continue; // measured in this backend's processes alone
      process.stderr.write(`  ${labelOf(one.contender)} is left out: ${(error as Error).message}\n`);
    }
  }
  const sample = (one: ContenderProcess) => async (): Promise<number> =>
    (await one.ask<Extract<Answer, { ms: number }>>({ ask: 'sample' })).ms;
  const times = await interleave(ready.map(sample), options);
  const timed = ready.map((one, i): Timed => ({ contender: one.contender, times: times[i] as Timed['times'] }));
  for (const result of results(info, timed)) {
    process.stdout.write(`${options.json ? JSON.stringify(result) : textOf(result)}\n`);
  }
  for (const one of ready) await one.ask({ ask: 'done' });
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string', default: '20' },
      budget: { type: 'string', default: '4000' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const only = values.only?.split(',');
  const chosen = contenders.filter(({ name }) => !only || only.includes(name));
  if (chosen.length === 0) throw new Error(`No contender is called '${values.only}'.`);
  const options = {
    filter: positionals.join(' ').toLowerCase(),
    json: values.json,
    rounds: positive('--rounds', values.rounds),
    budget: positive('--budget', values.budget),
  };
  const processes = chosen.map((contender) => new ContenderProcess(contender));
  try {
    const files = await benchFiles();
    const lists: CaseInfo[][] = [];
    for (const one of processes) {
      lists.push([...(await one.ask<Extract<Answer, { cases: unknown }>>({ ask: 'list', files })).cases]);
    }
    const cases = (lists[0] as CaseInfo[]).filter(
      (info) => info.bench === 'ceiling' || `${info.bench} ${info.case}`.toLowerCase().includes(options.filter),
    );
    const ceiling = 'ceiling'.includes(options.filter);
    if (!ceiling && cases.every(({ bench }) => bench === 'ceiling')) {
      throw new Error(`No case matches '${options.filter}'; without a filter all of them run.`);
    }
    for (const info of cases) await runCase(info, processes, options);
  } finally {
    for (const one of processes) one.close();
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`${name} must be a number above 0, not '${text}'.`);
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
