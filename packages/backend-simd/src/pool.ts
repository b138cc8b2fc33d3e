import { ARGUMENTS, CONTROL, type Heap } from './heap.js';
import * as at from './worker.js';

/** A function of a wasm module, callable by the pool: `(begin, end, thread, ...args)` over a range of items. */
export interface KernelFunction {
  readonly id: number;
  readonly call: (begin: number, end: number, thread: number, ...args: number[]) => void;
}
export type Kernels<Name extends string = string> = { readonly [name in Name]: KernelFunction };

/** A worker of either platform. */
export interface PoolWorker {
  post(message: object): void;
  terminate(): void;
}
export type Spawn = (source: string, onError: (error: unknown) => void) => PoolWorker;

/** Below this much estimated work waking the others costs more than it saves. */
const WORTH_SHARING = 40_000;
/** Nanoseconds of work that are claimed at once, where items are small: claiming costs some tens. */
const CHUNK = 20_000;
const SPINS = 4000;

/**
 * Threads over one shared memory. Chunks of items are claimed from a counter, so a busy core delays nobody; as no result
 * may depend on where a chunk begins, results are the same for every number of threads.
 */
export class Pool {
  #heap: Heap;
  #spawn: Spawn | undefined;
  #control: Int32Array;
  #arguments: Float64Array;
  #modules: WebAssembly.Module[] = [];
  #functions = 0;
  #workers: PoolWorker[] = [];
  #threads = 1;
  #canWait = true;

  /** @param spawn starts a worker from its source; undefined where there are none */
  constructor(heap: Heap, spawn: Spawn | undefined) {
    this.#heap = heap;
    this.#spawn = spawn;
    this.#control = new Int32Array(heap.buffer, CONTROL, at.WORDS);
    this.#arguments = new Float64Array(heap.buffer, ARGUMENTS, 64);
  }

  get threads(): number {
    return this.#threads;
  }

  /** Instantiates a module that imports `env.memory`, here and in every worker; its exported functions by name. */
  load<Name extends string>(module: WebAssembly.Module): Kernels<Name> {
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.#heap.memory } });
    const kernels: Record<string, KernelFunction> = {};
    for (const [name, call] of Object.entries(exports)) {
      if (typeof call === 'function') kernels[name] = { id: this.#functions++, call: call as KernelFunction['call'] };
    }
    this.#modules.push(module);
    for (const worker of this.#workers) worker.post({ module });
    Atomics.store(this.#control, at.MODULES, this.#modules.length);
    this.#wake();
    return kernels as Kernels<Name>;
  }

  /** More than there are workers for starts them; fewer lets the others sleep. */
  setThreads(threads: number): void {
    if (!Number.isInteger(threads) || threads < 1) throw new Error(`${threads} threads cannot be; give 1 or more.`);
    const wanted = this.#spawn ? threads : 1;
    while (this.#workers.length < wanted - 1) this.#start(this.#workers.length + 1);
    this.#threads = wanted;
    Atomics.store(this.#control, at.LIMIT, wanted);
  }

  #start(index: number): void {
    const worker = this.#spawn!(at.workerSource, (error) => {
      console.warn(`A thread of the simd backend failed (${error}); it goes on with one thread.`);
      this.#threads = 1;
    });
    worker.post({ memory: this.#heap.memory, index });
    for (const module of this.#modules) worker.post({ module });
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
      }
    } finally {
      Atomics.store(control, at.OPEN, 0);
      this.#join();
    }
    if (Atomics.load(control, at.FAILED)) throw new Error('A kernel of the simd backend trapped in a thread.');
  }

  #wake(): void {
    Atomics.add(this.#control, at.SEQUENCE, 1);
    if (Atomics.load(this.#control, at.SLEEPERS) > 0) Atomics.notify(this.#control, at.SEQUENCE);
  }

  /** Waits until no worker is inside the job; those that wake up late find it closed. */
  #join(): void {
    const control = this.#control;
    for (let spins = 0; ; spins++) {
      const active = Atomics.load(control, at.ACTIVE);
      if (active === 0) return;
      if (spins < SPINS || !this.#canWait) continue;
      Atomics.store(control, at.WAITING, 1);
      try {
        Atomics.wait(control, at.ACTIVE, active, 100);
      } catch {
        this.#canWait = false; // a browser's main thread may not sleep
      }
      Atomics.store(control, at.WAITING, 0);
    }
  }

  dispose(): void {
    Atomics.store(this.#control, at.LIMIT, -1);
    this.#wake();
    for (const worker of this.#workers) worker.terminate();
    this.#workers = [];
    this.#threads = 1;
  }
}
