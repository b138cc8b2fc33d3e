import { spawn } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rng } from '@blip2/tensor';
import { drawShapes, writeShapes } from '@blip2/test-models';
import { type Launcher, launch } from '@blip2/testing/mpi';

/** Options of `soak`. */
export interface SoakOptions {
  /** A folder for data, caches and runs. */
  readonly folder: string;
  /** How often a run is killed, all runs together. */
  readonly kills: number;
  readonly seed: number;
  /** Images that are drawn; one more cannot be decoded. */
  readonly images?: number;
  /** Steps of each stage. */
  readonly steps?: number;
  /** How several processes train together, of which one or all are killed. Default: one process trains alone. */
  readonly together?: { readonly launcher: Launcher; readonly processes: number } | undefined;
  /** Called after each kill and each run that ends. */
  readonly onEvent?: (text: string) => void;
}

/** What `soak` found. */
export interface SoakResult {
  readonly kills: number;
  /** Runs that went to their end and were compared. */
  readonly runs: number;
  /** In words, what differed from the run that was not killed. */
  readonly differences: readonly string[];
}

const cli = fileURLToPath(new URL('../../../packages/blip2/src/cli/main.ts', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Kills `blip2 train --data` (SIGKILL) at random moments, from its start on, and resumes it, until there were so many kills;
 * whenever a run is at its end, it is compared with one that was never killed, and another begins. Each run computes its own
 * features, skips an image that is broken, selects its best step by validation, and may stop early.
 * @throws where a run fails by itself
 */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { folder, kills, seed, images = 60, steps = 40, together, onEvent = () => {} } = options;
  const photos = join(folder, 'photos');
  const shapes = await drawShapes(images + 1);
  await writeShapes(photos, 'jsonl', shapes);
  await writeFile(join(photos, (shapes[7] as (typeof shapes)[number]).file), 'broken');
  const every = Math.max(2, Math.floor(steps / 5));
  const stage = { steps, batchSize: 8, warmupSteps: 2, checkpointEvery: every, patience: 3 };
  const qformer = { queries: 2, layers: 2, hiddenSize: 48, heads: 2, intermediateSize: 96, projectionSize: 16 };
  const config = join(folder, 'config.json');
  const data = { validation: 0.1, maxSkipped: 0.05 };
  await writeFile(config, JSON.stringify({ bert: null, qformer, data, stage1: stage, stage2: stage }));
  const start = (name: string) =>
    train({ photos, config, out: join(folder, name), cache: join(folder, `${name}-cache`), together });

  const timed = async (ended: Promise<boolean>): Promise<{ finished: boolean; milliseconds: number }> => {
    const began = performance.now();
    return { finished: await ended, milliseconds: performance.now() - began };
  };
  let { milliseconds: duration } = await timed(start('whole').ended);
  onEvent(`A run that is not killed takes ${Math.round(duration / 1000)} s.`);
  const random = rng(seed);
  const differences: string[] = [];
  let [killed, runs] = [0, 0];
  while (killed < kills || runs === 0) {
    const name = `run-${runs}`;
    for (let first = true; ; first = false) {
      const child = start(name);
      const which = random();
      const timer = killed < kills ? setTimeout(() => child.kill(which), 100 + random() * 0.7 * duration) : undefined;
      const { finished, milliseconds } = await timed(child.ended);
      clearTimeout(timer);
      if (finished && first) duration = Math.min(duration, milliseconds); // the machine may have been busy before
      if (finished) break;
      killed++;
      onEvent(`${killed} of ${kills} kills`);
    }
    runs++;
    const found = await compare(join(folder, 'whole'), join(folder, name));
    differences.push(...found.map((text) => `${name}: ${text}`));
    onEvent(`Run ${runs} is at its end: ${found.length === 0 ? 'equal' : found.join('; ')}.`);
    for (const made of [name, `${name}-cache`])
      if (found.length === 0) await rm(join(folder, made), { recursive: true });
  }
  return { kills: killed, runs, differences };
}

interface Training extends Pick<SoakOptions, 'together'> {
  readonly photos: string;
  readonly config: string;
  readonly out: string;
  readonly cache: string;
}

/** A run that trains; `ended` tells whether it came to its end, and not by `kill`, which is given a random number. */
interface Started {
  readonly ended: Promise<boolean>;
  kill(which: number): void;
}

/** Starts a training run in processes of its own. */
function train({ photos, config, out, cache, together }: Training): Started {
  const flags = ['--conditions=@blip2/source', '--import', 'tsx', cli, 'train', '--resume', '--threads', '1'];
  const args = [...flags, '--data', photos, '--config', config, '--out', out];
  const env = { BLIP2_CACHE: cache, HF_HUB_OFFLINE: '1' };
  return together ? trainTogether(together, args, env) : trainAlone(args, env);
}

/** Several processes, of which `kill` ends one, or all with their launcher. */
function trainTogether(
  { launcher, processes }: NonNullable<SoakOptions['together']>,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Started {
  const program = [process.execPath, ...args, '--distributed'];
  const run = launch(launcher, ['-n', String(processes), ...program], { cwd: root, env });
  const killed: number[] = [];
  const ended = run.ended.then(async ({ code, stderr }) => {
    if (code !== 0 && killed.length === 0) throw new Error(`A run failed: ${stderr.slice(-2000)}`);
    while (killed.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 50));
    return code === 0;
  });
  return {
    ended,
    kill(which) {
      const ranks = run.ranks().filter((pid) => pid !== undefined);
      killed.push(run.child.pid as number, ...ranks);
      const one = ranks[Math.floor(which * 2 * processes)];
      for (const pid of one === undefined ? killed : [one]) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // it has just ended
        }
      }
    },
  };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function trainAlone(args: readonly string[], env: Readonly<Record<string, string>>): Started {
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => {
    errors = `${errors}${text}`.slice(-2000);
  });
  const ended = new Promise<boolean>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0 || signal === 'SIGKILL') resolve(code === 0);
      else reject(new Error(`A run failed: ${errors}`));
    });
  });
  return { ended, kill: () => void child.kill('SIGKILL') };
}

/** What differs between two runs: weights, losses, evaluations, and what was left out. */
async function compare(expected: string, found: string): Promise<string[]> {
  const read = async (out: string) => {
    const lines = async (file: string): Promise<Record<string, unknown>[]> =>
      (await readFile(join(out, file), 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    const weights = async (stage: string) => (await readFile(join(out, stage, 'model.safetensors'))).toString('base64');
    return {
      'weights of stage 1': await weights('stage1'),
      'weights of stage 2': await weights('stage2'),
      'logged losses': JSON.stringify(
        (await lines('metrics.jsonl')).map(({ step, stage, losses, lr }) => [stage, step, losses, lr]),
      ),
      evaluations: JSON.stringify(await lines('evaluations.jsonl')),
      'skipped items': JSON.stringify(await lines('skipped.jsonl')),
      checkpoints: (await readdir(join(out, 'checkpoints', 'stage1'))).join(' '),
    };
  };
  const [a, b] = [await read(expected), await read(found)];
  return (Object.keys(a) as (keyof typeof a)[]).filter((key) => a[key] !== b[key]).map((key) => `other ${key}`);
}
