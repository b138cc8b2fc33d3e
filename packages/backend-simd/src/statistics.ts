/** Statistics of a kernel. */
export interface OpStatistic {
  /** The kernel's name. */
  name: string;
  /** Number of calls. */
  calls: number;
  /** Time of all calls. */
  milliseconds: number;
  /** Number of calls that ran on tfjs' cpu kernels. */
  fallbacks: number;
}

/** Counts kernels, and times them while `during` runs. */
export class Statistics {
  #ops = new Map<string, OpStatistic>();
  #timing = false;

  count<R>(name: string, fallback: boolean, f: () => R): R {
    const op = this.#ops.get(name) ?? { name, calls: 0, milliseconds: 0, fallbacks: 0 };
    this.#ops.set(name, op);
    op.calls++;
    if (fallback) op.fallbacks++;
    if (!this.#timing) return f();
    const start = performance.now();
    const result = f();
    op.milliseconds += performance.now() - start;
    return result;
  }

  /** Runs `f` and returns the statistics of its kernels, slowest first. */
  during(f: () => void): OpStatistic[] {
    const outer = this.#ops;
    this.#ops = new Map();
    this.#timing = true;
    try {
      f();
      return [...this.#ops.values()].sort((a, b) => b.milliseconds - a.milliseconds);
    } finally {
      this.#timing = false;
      this.#ops = outer;
    }
  }

  /** Returns the number of calls since the start that ran on tfjs' cpu kernels, by kernel. */
  fallbacks(): Record<string, number> {
    return Object.fromEntries(
      [...this.#ops.values()].filter((op) => op.fallbacks).map((op) => [op.name, op.fallbacks]),
    );
  }
}
