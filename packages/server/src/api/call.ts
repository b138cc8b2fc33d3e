import type { RequestRecord } from '../metrics.js';

/** A request while it is answered. */
export class Call {
  readonly #controller = new AbortController();
  readonly #start = performance.now();
  readonly #time = new Date();
  readonly #ends: (() => void)[] = [];
  #waited: number | undefined;
  #batch = 0;
  #ended = false;
  /** The number of new tokens. */
  tokens: number | undefined;
  /** What was wrong. */
  error: string | undefined;

  /** Aborted when the client is gone, the time is over, or the server closes. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** Calls `end` when the request is answered or given up. */
  onEnd(end: () => void): void {
    if (this.#ended) end();
    else this.#ends.push(end);
  }

  end(): void {
    this.#ended = true;
    for (const end of this.#ends.splice(0)) end();
  }

  /** The model began with it, in a batch. */
  started(batch: number): void {
    this.#waited = this.#seconds();
    this.#batch = batch;
  }

  record(method: string, path: string, status: number): RequestRecord {
    return {
      time: this.#time.toISOString(),
      method,
      path,
      status,
      seconds: this.#seconds(),
      ...(this.#waited !== undefined && { waited: this.#waited, batch: this.#batch }),
      ...(this.tokens !== undefined && { tokens: this.tokens }),
      ...(this.error !== undefined && { error: this.error }),
    };
  }

  #seconds(): number {
    return Math.round(performance.now() - this.#start) / 1000;
  }
}
