import { parseArgs } from 'node:util';
import { type Contender, contenders, kinds } from './contender.js';
import { installPeers, isInstalled, peerOf } from './peers.js';
import { environment } from './report/lines.js';
import { textOf } from './result.js';
import { missingText, plan, type Run, runAll, type Told } from './run.js';
import { suites } from './suites.js';

const usage = `pnpm bench [FILTER] [--json] [--only simd,wasm] [--rounds 20] [--budget 4000]
  FILTER    a part of 'bench case', as in 'matmul' or 'layer norm'
  --json    one line of JSON a result
  --only    of ${Object.keys(kinds).join(', ')}; cpu, and what takes minutes, take part only if named
  --rounds  samples of each contender
  --budget  milliseconds that one contender may take for a case
  --report  a Markdown file that tells of this run, with its lines and plots in a folder beside it; with a
            FILTER, what it told of other cases stays
  --from    a results.jsonl of such a folder: report that run, measure nothing
pnpm bench --install-peers
  installs what this backend is compared with into tools/bench/peers`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string', default: '20' },
    budget: { type: 'string', default: '4000' },
    report: { type: 'string' },
    from: { type: 'string' },
    'install-peers': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  if (values.help) return print(usage);
  if (values['install-peers']) {
    const failed = await installPeers();
    return print(failed.length === 0 ? 'All peers are installed.' : `Not installed: ${failed.join('; ')}.`);
  }
  const { report, from } = values;
  if (from !== undefined && report === undefined) throw new Error('--from needs --report, the file to write.');
  if (report === undefined) {
    await measure();
    return;
  }
  const { readRecord, writeReport } = await import('./report/write.js');
  if (from !== undefined) return writeReport(report, await readRecord(from));
  await measure(({ versions, ...run }) =>
    writeReport(report, { environment: environment(versions), ...run }, { keep: positionals.length > 0 }),
  );
}

/** Runs what the options choose, and prints each result as it comes. `save` is given all there is after each suite. */
async function measure(save?: (run: Run) => Promise<void>): Promise<void> {
  const filter = positionals.join(' ');
  const only = values.only?.split(',');
  const chosen = available(only);
  const planned = plan(await suites(), filter, only);
  if (planned.length === 1 && !'ceiling'.includes(filter)) {
    throw new Error(`No case matches '${filter}'; without a filter all of them run.`);
  }
  const told: Told = {
    begin: (info) => values.json || print(`${info.bench}: ${info.case}`),
    result: (result) => print(values.json ? JSON.stringify(result) : textOf(result)),
    missing: (contender, why) => process.stderr.write(missingText(contender, why)),
  };
  const limits = { rounds: positive('--rounds', values.rounds), budget: positive('--budget', values.budget) };
  await runAll(planned, chosen, { ...limits, ...told, ...(save ? { suite: save } : {}) });
}

/** Those that can be started; for the others one line each says how to get them. */
function available(only: readonly string[] | undefined): Contender[] {
  const chosen = contenders(only);
  const unknown = only?.find((name) => !(name in kinds));
  if (unknown !== undefined) {
    throw new Error(`No contender is called '${unknown}'; there are ${Object.keys(kinds).join(', ')}.`);
  }
  const absent = new Set(chosen.map(({ name }) => name).filter((name) => !isInstalled(peerOf(name))));
  for (const name of absent) {
    process.stderr.write(`${name} is left out: it is not installed; 'npm run -s bench -- --install-peers' tries to.\n`);
  }
  return chosen.filter(({ name }) => !absent.has(name));
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`${name} must be a number above 0, not '${text}'.`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
