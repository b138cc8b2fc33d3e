import type { Reporter } from '@blip2/runs';
import type { TrainStep } from '@blip2/trainer';
import type { Shared } from './options.js';
import { type Sink, Terminal } from './terminal.js';

export interface SessionOptions {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly signal: AbortSignal;
}

/** What a command has to speak and to listen with. Results go to stdout, everything else to stderr. */
export class Session {
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  readonly #stdout: Sink;
  #json = false;

  constructor({ stdout, stderr, signal }: SessionOptions) {
    this.#stdout = stdout;
    this.terminal = new Terminal(stderr);
    this.signal = signal;
  }

  /** Called with the options of the command, before it begins. */
  begin({ json }: Shared): void {
    this.#json = json;
  }

  /** One result: a line of JSON, or what a person reads. */
  result(json: object, text: string): void {
    this.terminal.end();
    this.#stdout.write(`${this.#json ? JSON.stringify(json) : text}\n`);
  }

  /** A piece of a result that comes bit by bit, for a person. */
  piece(text: string): void {
    this.terminal.end();
    this.#stdout.write(text);
  }

  /** Where long work tells how it goes. With `steps`, each step is a result of its own. */
  reporter({ steps = false }: { steps?: boolean } = {}): Reporter {
    let [last, detail] = ['', ''];
    return {
      progress: (task, done, total) => {
        if (task !== last) detail = ''; // the losses belong to the task that they came with
        last = task;
        this.terminal.progress(task, { done, total, detail });
      },
      note: (text) => this.terminal.line(text),
      step: (stage, step) => {
        detail = lossesOf(step);
        if (steps && this.#json) this.#stdout.write(`${JSON.stringify({ stage, ...step })}\n`);
      },
    };
  }
}

const lossesOf = ({ losses }: TrainStep): string =>
  Object.entries(losses)
    .map(([name, value]) => `${name} ${value.toFixed(3)}`)
    .join(' ');
