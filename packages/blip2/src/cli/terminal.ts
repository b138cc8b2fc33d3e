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
}

const EVERY = { terminal: 100, plain: 10_000 }; // milliseconds

/**
 * Shows progress on stderr: on a terminal one line that is redrawn, elsewhere a plain line every ten seconds. Lines of text
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
  progress(task: string, { done, total, unit = '', detail = '' }: Progress): void {
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
    const tail = `${done}/${total}${unit && ` ${unit}`}${detail && `, ${detail}`}${left}`;
    if (this.#sink.isTTY) this.#show(`${task} ${bar(done / total)} ${tail}`);
    else if (!first) this.#sink.write(`${task}: ${tail}\n`);
  }

  /** Removes the progress line. */
  end(): void {
    this.#clear();
    this.#shown = '';
    this.#task = '';
  }

  #show(text: string): void {
    this.#clear();
    this.#shown = text.slice(0, Math.max(10, (this.#sink.columns || 80) - 1));
    this.#sink.write(this.#shown);
  }

  #clear(): void {
    if (this.#shown) this.#sink.write('\r\x1b[2K');
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
