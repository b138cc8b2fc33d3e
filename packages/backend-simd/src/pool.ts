import { at, MOST_ARGUMENTS, MOST_THREADS, SPINS, WORDS } from './control.js';
import type { Attached, KernelFunction, Kernels } from './functions.js';
import { ARGUMENTS, CONTROL, type Heap } from './heap.js';
import { type Agreement, attachNative, type NativeLibrary, refuse } from './native.js';
import type { PoolWorker, Spawn } from './platform.js';

export interface PoolOptions {
  /** Undefined where workers cannot share memory: the calling thread then works alone. */
  spawn?: Spawn | undefined;
  /** How long a thread may take to start, and for its last items beyond 20 times the estimate of the job, in milliseconds. */
  patience?: number;
  /** Native kernels, for those that agree with theirs of WebAssembly. */
  native?: NativeLibrary | undefined;
}

/** A module in all threads, and the names of the native functions that come after its own. */
interface Loaded {
  readonly module: WebAssembly.Module;
  readonly native: readonly string[];
}

/** The functions of a module, of WebAssembly alone and with native ones in their places. */
export interface LoadedKernels<Name extends string = string> {
  readonly wasm: Kernels<Name>;
  readonly kernels: Kernels<Name>;
}

/** Below this much estimated work waking the others costs more than it saves. */
const WORTH_SHARING = 40_000;
/** Nanoseconds of work that are claimed at once, where items are small: claiming costs some tens. */
const CHUNK = 20_000;
/** Milliseconds of a sleep while the others finish; a suspended process counts no more than that. */
const NAP = 100;

const LAYOUT = {
  at,
  control: CONTROL,
  words: WORDS,
  arguments: ARGUMENTS,
  mostArguments: MOST_ARGUMENTS,
  spins: SPINS,
};

/**
 * A pool of threads that share memory. Chunks of items are claimed from a counter, so a busy core delays no other; as no result
 * may depend on where a chunk begins, results are the same for every number of threads.
 */
export class Pool {
  #heap: Heap;
  #spawn: Spawn | undefined;
  #patience: number;
  #control: Int32Array;
  #arguments: Float64Array;
  #modules: Loaded[] = [];
  /** Functions by name, where some may be native. */
  #kernels: Kernels[] = [];
  #library: NativeLibrary | undefined;
  #native: Attached | undefined;
  #functions = 0;
  #workers: PoolWorker[] = [];
  #threads = 1;
  #canWait = true;

  constructor(heap: Heap, { spawn, patience = 30_000, native }: PoolOptions = {}) {
    this.#heap = heap;
    this.#spawn = spawn;
    this.#patience = patience;
    this.#control = new Int32Array(heap.buffer, CONTROL, WORDS);
    this.#arguments = new Float64Array(heap.buffer, ARGUMENTS, MOST_ARGUMENTS);
    this.#library = native;
    this.#native = native && attachNative(native, heap);
  }

  /** Threads that take part, the calling one included; a worker that still starts takes part when it is there. */
  get threads(): number {
    return this.#threads;
  }

  /** How many chunks of shared work each thread has computed, the calling one first. */
  chunks(): number[] {
    if (!this.#spawn) return [0];
    return Array.from(this.#control.subarray(at.CHUNKS, at.CHUNKS + this.#workers.length + 1));
  }

  /** Waits until every thread has started, at most `patience`. @returns how many threads there are */
  async ready(): Promise<number> {
    const end = performance.now() + this.#patience;
    const started = (): number => Atomics.load(this.#control, at.READY);
    while (this.#workers.length > 0 && started() < this.#workers.length && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return this.#workers.length > 0 ? Math.min(this.#threads, 1 + started()) : 1;
  }

  /** The names of the functions that are native. All that were not yet used are compared first. */
  native(): string[] {
    const all = this.#kernels.flatMap((kernels) => Object.entries(kernels));
    return all.filter(([, { native }]) => native).map(([name]) => name);
  }

  /** The instruction set of the native functions; undefined where all are of WebAssembly. */
  get build(): string | undefined {
    return this.native().length > 0 ? this.#native?.build : undefined;
  }

  /**
   * Instantiates a module that imports `env.memory`, here and in every worker.
   * @param agreement compares functions with native ones of the same name, which then take their place; it is asked when one
   *   of them is first used
   */
  async load<Name extends string>(
    module: WebAssembly.Module,
    agreement: Agreement<Name> = [],
  ): Promise<LoadedKernels<Name>> {
    const { exports } = await WebAssembly.instantiate(module, { env: { memory: this.#heap.memory } });
    const wasm: Record<string, KernelFunction> = {};
    for (const [name, call] of Object.entries(exports)) {
      if (typeof call === 'function') wasm[name] = { id: this.#functions++, call: call as KernelFunction['call'] };
    }
    const { functions = {}, ...build } = this.#native ?? { build: '', panel: 0, rows: 0, cost: 0 };
    const counterparts = agreement.flatMap(({ names }) => names).filter((name) => name in wasm && name in functions);
    const native: Record<string, KernelFunction> = {};
    for (const name of counterparts) native[name] = { id: this.#functions++, call: functions[name]!, native: build };
    const loaded = { module, native: counterparts };
    this.#modules.push(loaded);
    if (this.#spawn) {
      for (const worker of this.#workers) worker.post(loaded);
      Atomics.store(this.#control, at.MODULES, this.#modules.length);
      this.#wake();
    }
    const kernels = chosen(wasm as Kernels<Name>, native as Partial<Kernels<Name>>, agreement);
    this.#kernels.push(kernels);
    return { wasm: wasm as Kernels<Name>, kernels };
  }

  /** More than there are workers for starts them; fewer lets the others sleep. */
  setThreads(threads: number): void {
    if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS)
      throw new Error(`The number of threads must be a whole number from 1 to ${MOST_THREADS}, not ${threads}.`);
    if (!this.#spawn) return;
    this.#threads = threads;
    Atomics.store(this.#control, at.LIMIT, threads);
    while (this.#workers.length < this.#threads - 1) this.#start(this.#spawn, this.#workers.length + 1);
  }

  #start(spawn: Spawn, index: number): void {
    let worker: PoolWorker | undefined;
    const onEnd = (reason: string): void => {
      if (worker && !this.#workers.includes(worker)) return; // one of those that #stop ended
      this.#stop();
      console.warn(`A thread of the simd backend ended (${reason}); it goes on with one thread.`);
    };
    try {
      worker = spawn(onEnd);
    } catch (error) {
      onEnd(String(error));
      return;
    }
    const generation = Atomics.load(this.#control, at.GENERATION);
    const native = this.#native && { file: this.#library!.file, build: this.#native.build };
    worker.post({ start: { memory: this.#heap.memory, index, generation, layout: LAYOUT, native } });
    for (const loaded of this.#modules) worker.post(loaded);
    this.#workers.push(worker);
  }

  /**
   * Runs `kernel` over the items [0, items).
   * @param nanoseconds a rough estimate of all the work on one thread: little work is not shared
   */
  run(kernel: KernelFunction, items: number, nanoseconds: number, args: readonly number[]): void {
    if (items <= 0) return;
    if (this.#threads === 1 || items === 1 || nanoseconds < WORTH_SHARING) {
      kernel.call(0, items, 0, ...args);
      return;
    }
    const control = this.#control;
    const even = Math.ceil(items / (this.#threads * 8));
    const grain = Math.max(1, Math.min(even, Math.floor((items * CHUNK) / nanoseconds)));
    this.#arguments.set(args);
    control[at.FUNCTION] = kernel.id;
    control[at.ITEMS] = items;
    control[at.GRAIN] = grain;
    control[at.ARITY] = args.length;
    Atomics.store(control, at.FAILED, 0);
    Atomics.store(control, at.NEXT, 0);
    Atomics.store(control, at.OPEN, 1);
    this.#wake();
    try {
      for (;;) {
        const begin = Atomics.add(control, at.NEXT, grain);
        if (begin >= items) break;
        kernel.call(begin, Math.min(items, begin + grain), 0, ...args);
        control[at.CHUNKS]!++;
      }
    } finally {
      Atomics.store(control, at.OPEN, 0);
      this.#join(this.#patience + (20 * nanoseconds) / 1e6);
    }
    if (Atomics.load(control, at.FAILED)) throw new Error('A kernel of the simd backend trapped in a thread.');
  }

  #wake(): void {
    Atomics.add(this.#control, at.SEQUENCE, 1);
    if (Atomics.load(this.#control, at.SLEEPERS) > 0) Atomics.notify(this.#control, at.SEQUENCE);
  }

  /** Waits until no worker is inside the job; those that wake up late find it closed. */
  #join(patience: number): void {
    const control = this.#control;
    let waited = 0;
    let before: number | undefined;
    for (let spins = 1; ; spins++) {
      const active = Atomics.load(control, at.ACTIVE);
      if (active === 0) return;
      if (spins < SPINS || (!this.#canWait && spins % SPINS !== 0)) continue;
      const now = performance.now();
      waited += Math.min(NAP, now - (before ?? now));
      before = now;
      if (waited > patience) this.#lose();
      this.#nap(active);
    }
  }

  #nap(active: number): void {
    if (!this.#canWait) return;
    Atomics.store(this.#control, at.WAITING, 1);
    try {
      Atomics.wait(this.#control, at.ACTIVE, active, NAP);
    } catch {
      this.#canWait = false; // a browser's main thread may not sleep: it spins until the others are done
    }
    Atomics.store(this.#control, at.WAITING, 0);
  }

  /** Stops all workers when one is lost during its work, as it is unknown what it wrote, and whether it still writes. */
  #lose(): never {
    this.#stop();
    this.#spawn = undefined;
    throw new Error(
      'A thread of the simd backend has not finished its part and may have been killed; ' +
        'this result is lost, and later ones are computed in one thread.',
    );
  }

  #stop(): void {
    Atomics.add(this.#control, at.GENERATION, 1);
    Atomics.store(this.#control, at.READY, 0);
    this.#wake();
    for (const worker of this.#workers.splice(0)) worker.terminate();
    this.#threads = 1;
  }

  dispose(): void {
    if (this.#spawn) this.#stop();
    this.#spawn = undefined;
    this.#heap.onResize?.(0);
  }
}

/** The functions of `wasm`, of which the native ones take the place where they agree; that is found out when one is first read. */
function chosen<Name extends string>(
  wasm: Kernels<Name>,
  native: Partial<Kernels<Name>>,
  agreement: Agreement<Name>,
): Kernels<Name> {
  const kernels: Record<string, KernelFunction> = { ...wasm };
  const settle = (from: Partial<Kernels<Name>>, names: readonly Name[]): void => {
    for (const name of names)
      Object.defineProperty(kernels, name, { value: from[name], enumerable: true, configurable: true });
  };
  for (const { names, agrees } of agreement) {
    if (!names.every((name) => native[name])) continue;
    const compare = (): void => {
      settle(wasm, names); // what it needs meanwhile
      let same = false;
      try {
        same = agrees(wasm, { ...wasm, ...native });
      } catch {
        // an argument that it takes for wrong
      }
      if (same) settle(native, names);
      else refuse(`the native ${names.join(', ')} (${native[names[0]!]?.native?.build}) give other results`);
    };
    for (const name of names) {
      const get = (): KernelFunction | undefined => {
        compare();
        return kernels[name];
      };
      Object.defineProperty(kernels, name, { get, enumerable: true, configurable: true });
    }
  }
  return kernels as Kernels<Name>;
}
