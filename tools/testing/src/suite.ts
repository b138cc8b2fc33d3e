/** One piece of work that a benchmark times. */
export interface BenchCase {
  /** What is computed, with its sizes. */
  readonly name: string;
  /** Floating-point operations of one run, where they say something. */
  readonly flops?: number;
  /** Bytes of memory that one run must move, where they are what bounds it. */
  readonly bytes?: number;
  /** Makes the inputs on the current backend. */
  prepare(): BenchRun;
}

export interface BenchRun {
  /** Does the work once, frees what it made, and is done when it returns. */
  run(): void;
  /** Frees the inputs. */
  dispose(): void;
}

/** What a `bench/*.bench.ts` exports by default. */
export interface Suite {
  readonly bench: string;
  readonly cases: readonly BenchCase[];
}
