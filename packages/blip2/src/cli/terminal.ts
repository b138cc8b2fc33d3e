/** A stream that text is written to, and what is known of it. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** How far a task is. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly unit?: string;
  readonly detail?: string;
}

const EVERY = { terminal: 100, plain: 10_000 }; // milliseconds

/**
 * Progress on stderr: one line that renews itself on a terminal, now and then a plain line elsewhere. Lines of text go
 * above it.
 */
export class Terminal {
  readonly #sink: Sink;
  readonly #now: () => number;
  #shown = '';
  #task = '';
  #begun = 0;
  #from = 0;
  #last = Number.NEGATIVE_INFINITY;

  constructor(sink: Sink, now: () => number = () => performance.now()) {
    this.#sink = sink;
    this.#now = now;
  }

  line(text: string): void {
    this.#clear();
    this.#sink.write(`${text}\n`);
    if (this.#shown) this.#sink.write(this.#shown);
  }

  /** `done` of `total`; `detail` stands behind. A finished task leaves one line. */
  progress(task: string, { done, total, unit = '', detail = '' }: Progress): void {
    const now = this.#now();
    if (task !== this.#task) {
      this.#task = task;
      this.#begun = now;
      this.#from = done;
      this.#last = Number.NEGATIVE_INFINITY;
    }
    const seconds = (now - this.#begun) / 1000;
    if (done >= total) {
      this.end();
      if (seconds >= 1)
        this.#sink.write(`${task}: ${total}${unit && ` ${unit}`} in ${clock(seconds)}${detail && `, ${detail}`}\n`);
      return;
    }
    const wait = this.#sink.isTTY ? EVERY.terminal : EVERY.plain;
    if (now - this.#last < wait) return;
    const first = this.#last === Number.NEGATIVE_INFINITY;
    this.#last = now;
    const here = done - this.#from; // what was there before says nothing of the pace
    const left = here > 0 && seconds > 2 ? `, ${clock((seconds * (total - done)) / here)} left` : '';
    const tail = `${done}/${total}${unit && ` ${unit}`}${detail && `, ${detail}`}${left}`;
    if (this.#sink.isTTY) this.#show(`${task} ${bar(done / total)} ${tail}`);
    else if (!first) this.#sink.write(`${task}: ${tail}\n`);
  }

  /** Takes the moving line away. */
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
