import type { Reporter } from '@blip2/runs';
import type { SharedOptions } from './options.js';
import { type Sink, Terminal } from './terminal.js';

/** The streams and the signal of a {@link Session}. */
export interface SessionOptions {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly signal: AbortSignal;
}

/** The input and output of a command: results go to stdout, everything else to stderr, and `signal` stops it. */
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

  /** Takes the options of the command before it runs. */
  start({ json = false }: Pick<SharedOptions, 'json'>): void {
    this.#json = json;
  }

  /** Prints one result: a line of JSON with --json, else the text. */
  result(json: object, text: string): void {
    this.terminal.end();
    this.#stdout.write(`${this.#json ? JSON.stringify(json) : text}\n`);
  }

  /** Prints a part of a result as it stands. */
  piece(text: string): void {
    this.terminal.end();
    this.#stdout.write(text);
  }

  /** Reports the progress of a run on the terminal. With `steps`, each training step is a JSON result too. */
  reporter({ steps = false }: { steps?: boolean } = {}): Reporter {
    let [last, detail] = ['', ''];
    return {
      progress: (task, done, total) => {
        if (task !== last) detail = ''; // losses are shown with their own task only
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

const lossesOf = ({ losses }: Parameters<Reporter['step']>[1]): string =>
  Object.entries(losses)
    .map(([name, value]) => `${name} ${value.toFixed(3)}`)
    .join(' ');
