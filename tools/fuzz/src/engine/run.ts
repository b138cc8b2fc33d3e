import { Worker } from 'node:worker_threads';
import { board } from './shared.js';
import type { Message, Task } from './worker.js';

const PATIENCE = 2000;
/** A machine that stalls is told from a reader that hangs by a second try with more patience. */
const SECOND = 5;
const LOOK = 100;
const MOST_HEAP = 512; // MB; a worker that wants more is ended by V8

export interface Finding {
  readonly finding: string;
  readonly input: Uint8Array;
}

export interface Result {
  readonly target: string;
  readonly inputs: number;
  readonly loaded: number;
  readonly refused: number;
  /** Inputs that are kept, because they reached new code. */
  readonly corpus: number;
  /** Characters of source that ran. */
  readonly covered: number;
  readonly seconds: number;
  /** Workers that were ended, and whose last input was read again alone. */
  readonly again: number;
  /** One of each kind. */
  readonly findings: readonly Finding[];
}

export interface RunOptions {
  readonly seed: number;
  readonly inputs: number;
  readonly seconds: number;
  /** Longer than so many ms over one small file is to hang. Default 2000. */
  readonly patience?: number;
}

/** Fuzzes one target in workers that may hang, crash or run out of memory: another goes on then. */
export async function fuzz(target: string, options: RunOptions): Promise<Result> {
  const { seed, inputs, seconds, patience = PATIENCE } = options;
  const begun = Date.now();
  const until = begun + 1000 * seconds;
  const corpus: Uint8Array[] = [];
  const findings = new Map<string, Finding>();
  const sum = { inputs: 0, loaded: 0, refused: 0, covered: 0, again: 0 };
  for (let turn = 0; sum.inputs < inputs && Date.now() < until; turn++) {
    const task = { target, seed: seed + turn, inputs: inputs - sum.inputs, until, corpus };
    const ended = await oneWorker(task, patience, (message) => {
      if (message.kind === 'new') {
        corpus.push(message.input);
        sum.covered = Math.max(sum.covered, message.covered);
      }
      if (message.kind === 'finding') keep(findings, message);
      if (message.kind === 'done') sum.covered = Math.max(sum.covered, message.covered);
    });
    sum.inputs += ended.inputs;
    sum.loaded += ended.loaded;
    sum.refused = sum.inputs - sum.loaded;
    if (ended.why === undefined) break;
    sum.again++;
    const again = await oneWorker({ ...task, inputs: 1, corpus: [ended.input] }, SECOND * patience, () => {});
    if (again.why !== undefined) keep(findings, { finding: again.why, input: ended.input });
  }
  const spent = (Date.now() - begun) / 1000;
  return { target, ...sum, corpus: corpus.length, seconds: spent, findings: [...findings.values()] };
}

function keep(findings: Map<string, Finding>, { finding, input }: Finding): void {
  const kind = finding.replace(/\d+/g, 'n').slice(0, 120);
  const old = findings.get(kind);
  if (!old || old.input.length > input.length) findings.set(kind, { finding, input });
}

interface Ended {
  readonly inputs: number;
  readonly loaded: number;
  /** Why it ended before it was done. */
  readonly why: string | undefined;
  /** The input that was read last. */
  readonly input: Uint8Array;
}

/** A worker of TypeScript: tsx has to be asked for anew in each thread. */
const start = `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
  .then(({ register }) => register())
  .then(() => import(${JSON.stringify(new URL('./worker.ts', import.meta.url).href)}));`;

function oneWorker(
  task: Omit<Task, 'buffer'>,
  patience: number,
  onMessage: (message: Message) => void,
): Promise<Ended> {
  const shared = board();
  const worker = new Worker(start, {
    eval: true,
    workerData: { ...task, buffer: shared.buffer } satisfies Task,
    execArgv: ['--conditions=@blip2/source'],
    resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP },
    stdout: true,
  });
  return new Promise((resolve) => {
    let [turn, since, ready] = [0, Date.now(), false];
    const end = (why: string | undefined): void => {
      clearInterval(watch);
      void worker.terminate();
      resolve({ inputs: shared.inputs, loaded: shared.loaded, why, input: shared.input });
    };
    const watch = setInterval(() => {
      if (shared.turn !== turn || !ready) [turn, since] = [shared.turn, Date.now()];
      else if (Date.now() - since > patience) end(`hung for ${patience} ms`);
    }, LOOK);
    worker.on('message', (message: Message) => {
      if (message.kind === 'ready') [ready, since] = [true, Date.now()];
      onMessage(message);
      if (message.kind === 'done') end(undefined);
    });
    worker.on('error', (error: Error) => end(`crashed: ${error.message}`));
    worker.on('exit', (code) => end(`ended with ${code}`));
  });
}
