import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drawShapes, writeShapes } from '@blip2/test-models';
import { type Launched, launch, launchers, makeHosts } from '@blip2/testing/mpi';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { blip2 } from '../../test/process.js';

jest.setTimeout(600_000);

const [launcher] = launchers();
if (!launcher) console.warn('No MPI is installed: the tests of training by several processes are skipped.');
const withMpi = launcher ? test : test.skip;

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

const stage = { steps: 6, batchSize: 16, warmupSteps: 2, checkpointEvery: 2 };
const qformer = {
  queries: 2,
  layers: 2,
  hiddenSize: 48,
  heads: 2,
  intermediateSize: 96,
  projectionSize: 16,
  dropout: 0,
};
/** An endless run, for the tests in which it is stopped. */
const long = { ...stage, steps: 100_000, checkpointEvery: 5, evaluateEvery: 0 };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blip2-distributed-'));
  await writeShapes(at('photos'), 'jsonl', await drawShapes(30));
  // a seed with which no neuron of the language model (ReLU) is so near to 0 that rounding decides about its gradient
  const common = { seed: 2, bert: null, qformer, data: { validation: 0.2 } };
  await writeFile(at('short.json'), JSON.stringify({ ...common, stage1: stage, stage2: stage }));
  await writeFile(at('long.json'), JSON.stringify({ ...common, stage1: long, stage2: long }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const env = () => ({ HF_HUB_OFFLINE: '1', BLIP2_CACHE: at('cache') });
const node = [process.execPath, '--conditions=@blip2/source', '--import', 'tsx', 'src/cli/main.ts'];

const trainOn = (config: string, out: string, ...more: string[]): string[] => {
  const files = ['--data', at('photos'), '--config', at(`${config}.json`), '--out', at(out)];
  return ['train', ...files, '--threads', '1', ...more];
};

const start = (processes: number, ...args: string[]): Launched =>
  launch(launcher!, ['-n', String(processes), ...node, ...args, '--distributed'], { cwd: root, env: env() });

async function finished(processes: number, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await start(processes, ...args).ended;
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

interface Line {
  readonly stage: number;
  readonly step: number;
  readonly lr: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly best: number;
  readonly value: number;
}

const lines = async (...file: string[]): Promise<Line[]> =>
  (await readFile(at(...file), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

/** Compares the losses and evaluations of runs. */
async function expectSameCurves(actual: string, expected: string): Promise<void> {
  const [steps, wanted] = [await lines(actual, 'metrics.jsonl'), await lines(expected, 'metrics.jsonl')];
  expect(steps.map(({ stage, step, lr }) => [stage, step, lr])).toEqual(
    wanted.map(({ stage, step, lr }) => [stage, step, lr]),
  );
  for (const [i, { losses }] of wanted.entries()) {
    for (const [name, loss] of Object.entries(losses)) {
      expect(Math.abs(steps[i]!.losses[name]! - loss)).toBeLessThan(1e-4);
    }
  }
  const [evaluations, others] = [await lines(actual, 'evaluations.jsonl'), await lines(expected, 'evaluations.jsonl')];
  expect(evaluations.map(({ step, best }) => [step, best])).toEqual(others.map(({ step, best }) => [step, best]));
  for (const [i, { value }] of others.entries()) expect(evaluations[i]!.value).toBeCloseTo(value, 3);
}

withMpi(
  '4 processes with 4 images each have the losses of one with 16; another number of processes resumes',
  async () => {
    const { code, stderr } = await blip2(trainOn('short', 'one'), { env: env() });
    if (code !== 0) throw new Error(stderr);
    const printed = await finished(4, ...trainOn('short', 'four', '--json'));
    expect(printed.trim().split('\n')).toHaveLength(12); // of one process alone
    await expectSameCurves('four', 'one');

    await finished(2, ...trainOn('short', 'changed', '--max-steps', '3', '--stage', '1'));
    const resumed = await blip2(trainOn('short', 'changed', '--resume', '--stage', '1'), { env: env() });
    if (resumed.code !== 0) throw new Error(resumed.stderr);
    await finished(2, ...trainOn('short', 'changed', '--resume'));
    await expectSameCurves('changed', 'one');
    expect(await readdir(at('changed', 'checkpoints', 'stage1'))).toEqual(
      await readdir(at('one', 'checkpoints', 'stage1')),
    );

    const alone = await blip2(['eval', '--data', at('photos'), '--model', at('one'), '--json', '--threads', '1'], {
      env: env(),
    });
    const shared = await finished(2, 'eval', '--data', at('photos'), '--model', at('one'), '--json', '--threads', '1');
    expect(JSON.parse(shared)).toEqual(JSON.parse(alone.stdout));
  },
);

/** Starts a run that does not end by itself, and waits for its first steps. */
async function running(name: string, ...more: string[]) {
  const run = start(2, ...trainOn('long', name, ...more));
  await started(name, run);
  return { ...run, ranks: await run.pids(2) };
}

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function started(name: string, run: Launched): Promise<void> {
  for (let tries = 0; ; tries++) {
    const trains = await access(at(name, 'checkpoints', 'stage1', 'step-000005')).then(
      () => true,
      () => false,
    );
    if (trains) break;
    if (tries > 1200 || run.child.exitCode !== null) throw new Error(`The run does not train: ${run.stderr()}`);
    await wait(100);
  }
}

/** Whether a process runs: one that has ended may stay listed until its parent asks for its status. */
async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat !== undefined && !/^\d+ \(.*\) [ZX]/s.test(stat);
}

async function untilEnded(pids: readonly number[]): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (!(await Promise.all(pids.map(isRunning))).includes(true)) return;
    await wait(100);
  }
  throw new Error('A process of the run has not ended.');
}

/** The sentences of this project on stderr, without what launchers print. */
const sentences = (stderr: string): string[] =>
  stderr.split('\n').filter((line) => /^(Rank|Stopped|The launcher|There is)/.test(line));

/** Waits for the end of a run, which must not take long and must leave no process. */
async function expectEnd({ ended, ranks }: Awaited<ReturnType<typeof running>>): Promise<string> {
  const began = performance.now();
  const { code, stderr } = await ended;
  expect(code).not.toBe(0);
  expect(performance.now() - began).toBeLessThan(30_000);
  await untilEnded(ranks);
  return stderr;
}

withMpi('where a process is killed, the other stops with one sentence that names it', async () => {
  const run = await running('killed');
  process.kill(run.ranks[1]!, 'SIGKILL');
  const lost = `Rank 1 (process ${run.ranks[1]} on ${hostname()}) was lost; start all again with --resume.`;
  expect(sentences(await expectEnd(run))).toEqual([lost]);
});

withMpi('a process that does not arrive in time is named', async () => {
  const run = await running('late', '--timeout', '15');
  process.kill(run.ranks[1]!, 'SIGSTOP');
  const [sentence, ...more] = sentences(await expectEnd(run));
  expect(more).toEqual([]);
  expect(sentence).toMatch(
    /^Rank 1 \(process \d+ on .*\) is missing: a .* has waited for 15 s \(--timeout\); start all again with --resume\.$/,
  );
});

withMpi('a signal to one process stops all', async () => {
  const run = await running('stopped');
  process.kill(run.ranks[1]!, 'SIGINT');
  expect(sentences(await expectEnd(run))).toEqual(['Stopped.']);
});

withMpi('an error of one process is reported once, and stops all', async () => {
  const args = trainOn('long', 'failed', '--distributed');
  const wrong = args.map((arg) => (arg === at('photos') ? at('nowhere') : arg));
  const both = ['-n', '1', ...node, ...args, ':', '-n', '1', ...node, ...wrong];
  const { code, stderr } = await launch(launcher!, both, { cwd: root, env: env() }).ended;
  expect(code).not.toBe(0);
  expect(sentences(stderr)).toEqual([`Rank 1: There is no data set at '${at('nowhere')}'; check the path.`]);
});

withMpi('batches that cannot be divided evenly are refused, once', async () => {
  const { code, stderr } = await start(3, ...trainOn('short', 'uneven')).ended;
  expect(code).not.toBe(0);
  expect(stderr.match(/A batch of 16 in stage1 cannot be divided evenly among 3 processes/g)).toHaveLength(1);
});

/** Two hosts, where this process may make namespaces and Open MPI is installed. */
function hosts() {
  try {
    if (launcher?.name === 'Open MPI') return makeHosts(launcher);
    throw new Error('Open MPI is not installed');
  } catch (error) {
    console.warn(`The test with two hosts is skipped: ${String(error).split('\n')[0]}`);
    return undefined;
  }
}

test('two hosts train together, and where the cable between them is unplugged, the other is named', async () => {
  const two = hosts();
  if (!two) return;
  try {
    const args = trainOn('long', 'hosts', '--distributed', '--timeout', '15');
    const run = launch(two.launcher, ['-n', '2', ...node, ...args], { cwd: root, env: env() });
    await started('hosts', run);
    two.cable(false);
    for (let tries = 0; sentences(run.stderr()).length === 0 && tries < 300; tries++) await wait(100);
    two.cable(true); // so that what is left of the run ends
    const { code, stderr } = await run.ended;
    expect(code).not.toBe(0);
    expect(sentences(stderr)[0]).toMatch(
      /^Rank 1 \(process \d+ on blip2-b\) is missing: .* \(--timeout\); start all again/,
    );
    const [first] = await lines('hosts', 'metrics.jsonl');
    const [alone] = await lines('killed', 'metrics.jsonl');
    expect(first!.losses).toEqual(alone!.losses);
  } finally {
    two.close();
  }
});

test('--distributed without mpirun, and --timeout without --distributed, are wrong usage or one sentence', async () => {
  const alone = await blip2(trainOn('short', 'alone', '--distributed'));
  expect(alone).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^This process was not started by MPI; .*\n$/),
  });
  const { code, stderr } = await blip2(trainOn('short', 'alone', '--timeout', '15'));
  expect([code, stderr]).toEqual([2, '--timeout is for --distributed.\n']);
});
