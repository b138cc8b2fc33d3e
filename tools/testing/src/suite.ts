/** An op and its sizes, for engines other than TensorFlow.js. */
export interface Work {
  readonly op: string;
  readonly [size: string]: number | string | boolean;
}

/** A case of a benchmark. */
export interface BenchCase {
  /** What is computed, with its sizes. */
  readonly name: string;
  /** The case for engines other than TensorFlow.js; without it they are skipped. */
  readonly work?: Work;
  /** Floating-point operations of one run, where they are meaningful. */
  readonly flops?: number;
  /** Bytes of memory that one run must move, where they are what bounds it. */
  readonly bytes?: number;
  /** Contenders that are run only once, without a warm-up, as they take so long. */
  readonly once?: readonly string[];
  /** Contenders that would take minutes: they are asked only where `--only` names them. */
  readonly slow?: readonly string[];
  /** Only contenders with so many threads are asked. */
  readonly threads?: number;
  /** Creates the inputs on the current backend. */
  prepare(): BenchRun | Promise<BenchRun>;
}

export interface BenchRun {
  /** Does the work once, frees what it made, and is done when it returns or what it returns is settled. */
  run(): void | Promise<void>;
  /** Frees the inputs. */
  dispose(): void;
}

/** What a `bench/*.bench.ts` exports by default. */
export interface Suite {
  readonly bench: string;
  readonly cases: readonly BenchCase[];
}
