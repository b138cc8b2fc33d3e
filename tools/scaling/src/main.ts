import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Launcher, launchers } from '@blip2/testing/mpi';
import { type Job, type Measured, model } from './job.js';
import { measure, median } from './measure.js';
import { type Contender, type Measurement, report } from './report.js';

const usage = `npm run scaling -- [--rounds N] [--steps N] [--batch N,N] [--report FILE] [--from FILE]

Measures steps of stage 1 with one process of two threads and two processes of one, in turn, and computes from that what many
machines would take at the paper's batch and steps. --batch has the pairs of a step, of all processes together: each number is
measured, and the first is computed with. --report writes docs/scaling.md, beside it the samples as JSON, from which
--from writes it again.`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '5' },
    batch: { type: 'string', default: '64,16' },
    report: { type: 'string' },
    from: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const count = (name: 'rounds' | 'steps' | 'batch', text: string = values[name]): number => {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`--${name} must be a whole number, at least 1, not '${text}'.`);
};

/** One process with the cores of the machine, the same with one core each, and without hiding the reduction. */
const jobs = (batch: number, steps: number): Record<string, Job> => {
  const common = { model, batch, steps, warm: 2 };
  return {
    single: { ...common, processes: 1, threads: 2, hide: true },
    two: { ...common, processes: 2, threads: 1, hide: true },
    late: { ...common, processes: 2, threads: 1, hide: false },
  };
};

/** What was measured with each batch, and on what. */
async function measured(): Promise<{ machine: string; measurements: Measurement[] }> {
  const [launcher] = launchers();
  if (!launcher) throw new Error('The measurement needs an MPI, such as Open MPI or MPICH; install one.');
  const measurements: Measurement[] = [];
  for (const text of values.batch.split(',')) {
    const batch = count('batch', text);
    measurements.push({ batch, contenders: await contend(jobs(batch, count('steps')), launcher) });
  }
  const machine = `${cpus()[0]?.model ?? 'a computer'}, ${cpus().length} cores, ${launcher.name}`;
  return { machine, measurements };
}

/** Runs jobs in turn: of each, the medians of its rounds, and what is equal in all. */
async function contend(all: Record<string, Job>, launcher: Launcher): Promise<Record<string, Contender>> {
  const contenders: Record<string, Contender> = {};
  for (let round = 0; round < count('rounds'); round++) {
    for (const [name, job] of Object.entries(all)) {
      const one: Measured = await measure(job, launcher);
      const { bytes, parameters } = one;
      const known = contenders[name] ?? { seconds: [], waits: [], bytes, parameters };
      contenders[name] = {
        ...known,
        seconds: [...known.seconds, median(one.seconds)],
        waits: [...known.waits, median(one.waits)],
      };
      console.error(`${job.batch} pairs, round ${round + 1}, ${name}: ${median(one.seconds).toFixed(3)} s a step`);
    }
  }
  return contenders;
}

if (values.help) console.log(usage);
else {
  const results = values.from
    ? (JSON.parse(await readFile(values.from, 'utf8')) as Awaited<ReturnType<typeof measured>>)
    : await measured();
  const text = report({ ...results, model });
  if (values.report) {
    await writeFile(values.report, text);
    await writeFile(values.report.replace(/\.md$/, '.json'), `${JSON.stringify(results, null, 2)}\n`);
  } else console.log(text);
}
