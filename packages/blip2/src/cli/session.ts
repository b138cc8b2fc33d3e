import type { Reporter } from '@blip2/runs';
import type { SharedOptions } from './options.js';
import { type Sink, Terminal } from './terminal.js';
import { TrainingView } from './training-view.js';

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
    const view = new TrainingView();
    let [last, detail] = ['', ''];
    let lines: readonly string[] = [];
    let fresh = false; // the next progress is that of the step
    return {
      progress: (task, done, total) => {
        if (task !== last && !fresh) [detail, lines] = ['', []];
        [last, fresh] = [task, false];
        this.terminal.progress(task, { done, total, detail, lines });
      },
      note: (text) => this.terminal.line(text),
      step: (stage, step) => {
        view.add(stage, step);
        ({ detail, lines } = view);
        fresh = true;
        if (steps && this.#json) this.#stdout.write(`${JSON.stringify({ stage, ...step })}\n`);
      },
    };
  }
}
