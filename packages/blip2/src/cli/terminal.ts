/** A stream that text is written to. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** The progress of a task: `done` of `total`, in `unit`. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly unit?: string;
  readonly detail?: string;
  /** On a terminal, lines below in place of `detail`. */
  readonly lines?: readonly string[];
}

const EVERY = { terminal: 100, plain: 10_000 }; // milliseconds

/**
 * Shows progress on stderr: on a terminal one line that is redrawn, or a few, elsewhere a plain line every ten seconds. Lines of text
 * are printed above it.
 */
export class Terminal {
  readonly #sink: Sink;
  readonly #now: () => number;
  #shown = '';
  #task = '';
  #start = 0;
  #startDone = 0;
  #lastShown = Number.NEGATIVE_INFINITY;

  constructor(sink: Sink, now: () => number = () => performance.now()) {
    this.#sink = sink;
    this.#now = now;
  }

  /** Prints a line of text. */
  line(text: string): void {
    this.#clear();
    this.#sink.write(`${text}\n`);
    if (this.#shown) this.#sink.write(this.#shown);
  }

  /** Shows the progress of a task, with `detail` at the end of the line. A finished task leaves one line. */
  progress(task: string, { done, total, unit = '', detail = '', lines = [] }: Progress): void {
    const now = this.#now();
    if (task !== this.#task) {
      this.#task = task;
      this.#start = now;
      this.#startDone = done;
      this.#lastShown = Number.NEGATIVE_INFINITY;
    }
    const seconds = (now - this.#start) / 1000;
    if (done >= total) {
      this.end();
      if (seconds >= 1)
        this.#sink.write(`${task}: ${total}${unit && ` ${unit}`} in ${clock(seconds)}${detail && `, ${detail}`}\n`);
      return;
    }
    const wait = this.#sink.isTTY ? EVERY.terminal : EVERY.plain;
    if (now - this.#lastShown < wait) return;
    const first = this.#lastShown === Number.NEGATIVE_INFINITY;
    this.#lastShown = now;
    const here = done - this.#startDone; // what was done before the first call says nothing about the rate
    const left = here > 0 && seconds > 2 ? `, ${clock((seconds * (total - done)) / here)} left` : '';
    const tail = (more: string): string => `${done}/${total}${unit && ` ${unit}`}${more && `, ${more}`}${left}`;
    if (this.#sink.isTTY)
      this.#show([`${task} ${bar(done / total)} ${tail(lines.length > 0 ? '' : detail)}`, ...lines]);
    else if (!first) this.#sink.write(`${task}: ${tail(detail)}\n`);
  }

  /** Removes the progress. */
  end(): void {
    this.#clear();
    this.#shown = '';
    this.#task = '';
  }

  #show(lines: readonly string[]): void {
    this.#clear();
    const width = Math.max(10, (this.#sink.columns || 80) - 1);
    this.#shown = lines.map((line) => line.slice(0, width)).join('\n');
    this.#sink.write(this.#shown);
  }

  /** The cursor is at the end of the last line that is shown. */
  #clear(): void {
    if (!this.#shown) return;
    const above = this.#shown.split('\n').length - 1;
    this.#sink.write(`\r\x1b[2K${'\x1b[1A\x1b[2K'.repeat(above)}`);
  }
}

const WIDTH = 20;

function bar(share: number): string {
  const full = Math.round(WIDTH * Math.min(1, share));
  return `${'━'.repeat(full)}${'╌'.repeat(WIDTH - full)}`;
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
