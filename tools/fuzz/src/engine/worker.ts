import { parentPort, workerData } from 'node:worker_threads';
import { targets } from '../targets/index.js';
import { startCoverage } from './coverage.js';
import { type Explored, explore } from './explore.js';
import { watchGlobals } from './globals.js';
import { board } from './shared.js';

/** What a worker is to do. */
export interface Task {
  /** A name in the table of targets, or a module that exports a `target`. */
  readonly target: string;
  readonly buffer: SharedArrayBuffer;
  readonly seed: number;
  readonly inputs: number;
  readonly until: number;
  /** Empty: the target's own seeds. */
  readonly corpus: readonly Uint8Array[];
}

export type Message =
  | { readonly kind: 'ready' }
  | { readonly kind: 'new'; readonly input: Uint8Array; readonly covered: number }
  | { readonly kind: 'finding'; readonly input: Uint8Array; readonly finding: string }
  | ({ readonly kind: 'done'; readonly covered: number } & Explored);

const task = workerData as Task;
const post = (message: Message): void => parentPort?.postMessage(message);
const made = targets[task.target];
const target = made ? await made() : (await import(task.target)).target;
const coverage = startCoverage();
const corpus = task.corpus.length > 0 ? task.corpus : await target.seeds();
const { show, count } = board(task.buffer);
console.warn = () => {}; // the library warns of what it is given
watchGlobals();
post({ kind: 'ready' });
const explored = await explore(target, {
  ...task,
  corpus,
  coverage,
  onInput: show,
  onLoaded: count,
  onFinding: (finding, input) => post({ kind: 'finding', finding, input }),
  onNew: (input) => post({ kind: 'new', input, covered: coverage.size }),
});
post({ kind: 'done', covered: coverage.size, ...explored });
