import * as tf from '@tensorflow/tfjs';
import { HeapData, type HeapType, isHeapType, OutsideData, type StoredValues, type TensorData } from './data.js';
import type { KernelFunction } from './functions.js';
import type { Heap, HeapStatistics } from './heap.js';
import type { Pool } from './pool.js';
import { type OpStatistic, Statistics } from './statistics.js';

/** Members of tfjs' MathBackendCPU, whose class tfjs does not export. */
interface CpuBackend extends tf.KernelBackend {
  data: tf.DataStorage<TensorData>;
  firstUse: boolean;
  write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object;
  move(id: object, values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType, refCount: number): void;
  readSync(id: object): tf.backend_util.BackendValues;
  disposeData(id: object, force?: boolean): boolean;
  /** Creates a tensor from values. */
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.backend_util.BackendValues): tf.TensorInfo;
  /** Releases the data of a tensor that a kernel made for itself. */
  disposeIntermediateTensorInfo(info: tf.TensorInfo): void;
  /** Adds a reference to data. */
  incRef(id: object): void;
  memory(): { unreliable: boolean; reasons: string[] };
}

/** Returns the class of the registered 'cpu' backend. */
function cpuBackendClass(): new () => CpuBackend {
  const factory = tf.findBackendFactory('cpu');
  if (!factory)
    throw new Error("The simd backend extends tfjs' cpu backend, which is not registered; import '@tensorflow/tfjs'.");
  return (factory() as CpuBackend).constructor as new () => CpuBackend;
}

/** Memory statistics of the backend, part of `tf.memory()`. */
export interface SimdMemory {
  unreliable: boolean;
  reasons: string[];
  /** Statistics of the WebAssembly heap. */
  heap: HeapStatistics;
}

/** A TensorFlow.js backend with tensors in a shared WebAssembly heap and SIMD kernels on a thread pool; it extends tfjs' cpu backend. */
export class SimdBackend extends cpuBackendClass() {
  /** The memory of all tensors. */
  readonly heap: Heap;
  /** The threads. */
  readonly pool: Pool;
  #kept: HeapData[] | undefined;
  /** Copies of data outside the heap, for the kernel that runs. */
  #copies: Map<OutsideData, HeapData> | undefined;
  /** The backend's name in TensorFlow.js. */
  readonly name: string;
  /** Whether the kernels use relaxed SIMD. */
  readonly relaxedSimd: boolean;
  /** Calls of each kernel. */
  readonly statistics: Statistics = new Statistics();
  /** Converts half precision to float32 within the heap; see assembly/widen.ts. */
  widen: KernelFunction | undefined;
  /** False where the self-check found wrong results: then tfjs' cpu kernels run, and no others can be registered. */
  trusted = true;

  /** @param options the backend's name in TensorFlow.js, and whether its kernels use relaxed SIMD */
  constructor(heap: Heap, pool: Pool, options: { name: string; relaxedSimd: boolean }) {
    super();
    this.heap = heap;
    this.pool = pool;
    this.name = options.name;
    this.relaxedSimd = options.relaxedSimd;
    this.firstUse = false; // the cpu backend would print advice to install tfjs-node
  }

  /** Creates data from values, in the heap. */
  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
    if (!isHeapType(dtype) || values == null) return super.write(values, shape, dtype);
    if (this.#mayNotGrow(values.length)) return super.write(values.slice() as Float32Array, shape, dtype);
    const id = {};
    this.data.set(id, this.#store(values, dtype));
    return id;
  }

  /** Creates data under an id that another backend had given out. */
  override move(
    id: object,
    values: tf.backend_util.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    if (!isHeapType(dtype) || values == null) {
      super.move(id, values, shape, dtype, refCount);
      return;
    }
    if (this.#mayNotGrow(values.length)) {
      super.move(id, values.slice() as Float32Array, shape, dtype, refCount);
      return;
    }
    const data = this.#store(values, dtype);
    data.refCount = refCount;
    this.data.set(id, data);
  }

  /** Whether memory that is not shared would have to grow, and move, while tfjs' cpu kernels hold views of it. */
  #mayNotGrow(length: number): boolean {
    return this.#kept !== undefined && !this.heap.shared && !this.heap.fits(length * 4);
  }

  #store(values: tf.backend_util.BackendValues, dtype: HeapType): HeapData {
    const data = new HeapData(this.heap, dtype, values.length);
    data.values.set(values as ArrayLike<number>);
    return data;
  }

  /** Reads a copy, as the heap's blocks are reused after disposal. */
  override readSync(id: object): tf.backend_util.BackendValues {
    const data = this.data.get(id);
    return data instanceof HeapData ? data.values.slice() : super.readSync(id);
  }

  /** Releases one reference to data and frees it with the last; false where others remain. */
  override disposeData(id: object, force = false): boolean {
    const data = this.data.has(id) ? this.data.get(id) : undefined;
    const gone = super.disposeData(id, force);
    if (gone && data instanceof HeapData) {
      if (this.#kept) this.#kept.push(data);
      else data.free();
    }
    return gone;
  }

  /** Runs one of tfjs' cpu kernels, without reusing blocks meanwhile: these kernels may read tensors that they have disposed of. */
  runOnCpu<R>(f: () => R): R {
    const outer = this.#kept;
    const kept: HeapData[] = outer ?? [];
    this.#kept = kept;
    try {
      return f();
    } finally {
      this.#kept = outer;
      if (!outer) for (const data of kept) data.free();
    }
  }

  /** Runs a kernel, and frees its copies of data outside the heap when it ends. */
  runKernel<R>(f: () => R): R {
    if (this.#copies) return f();
    const copies = new Map<OutsideData, HeapData>();
    this.#copies = copies;
    try {
      return f();
    } finally {
      this.#copies = undefined;
      for (const data of copies.values()) data.free();
    }
  }

  #copyIn(data: OutsideData): number {
    if (!this.#copies)
      throw new Error('Data outside the heap of the simd backend have a pointer only while a kernel runs.');
    let copy = this.#copies.get(data);
    if (!copy) {
      copy = new HeapData(this.heap, data.dtype, data.length);
      this.#copies.set(data, copy);
      if (data.stored instanceof Int32Array) copy.values.set(data.stored);
      else this.#fill(copy, data.stored);
    }
    return copy.pointer;
  }

  /** Frees the copy of a tensor outside the heap before the kernel ends that runs, so that it has room for others. */
  release(x: tf.TensorInfo): void {
    const data = this.data.get(x.dataId);
    if (!(data instanceof OutsideData)) return;
    this.#copies?.get(data)?.free();
    this.#copies?.delete(data);
  }

  #fill(copy: HeapData, { halves, fill }: StoredValues): void {
    if (!halves || !this.widen) {
      fill(copy.values as Float32Array, 0);
      return;
    }
    const runs = Math.ceil(copy.length / 8);
    const pointer = this.heap.allocate(16 * runs);
    new Uint8Array(this.heap.buffer, pointer, halves.bytes.length).set(halves.bytes);
    this.run(this.widen, runs, 4 * runs, halves.dtype === 'BF16' ? 1 : 0, pointer, copy.pointer);
    this.heap.free(pointer, 16 * runs);
  }

  /**
   * Turns data that end in values of half precision into as many float32, where they lie. On one thread: from the front to the end
   * none is overwritten before it was read.
   */
  widenInPlace({ pointer, length }: HeapData, dtype: 'F16' | 'BF16'): void {
    const runs = Math.ceil(length / 8);
    this.run(this.widen!, runs, 0, dtype === 'BF16' ? 1 : 0, pointer + 2 * length, pointer);
  }

  /**
   * Creates a tensor whose values stay outside the heap, for weights that are read but never written: float32, or int32 of the
   * words of a packed matrix.
   */
  outside(stored: StoredValues | Int32Array, shape: readonly number[]): tf.TensorInfo {
    const dataId = {};
    const data = new OutsideData(stored);
    this.data.set(dataId, data);
    return { dataId, shape: shape as number[], dtype: data.dtype };
  }

  /** Returns memory statistics, part of `tf.memory()`. */
  override memory(): SimdMemory {
    return { unreliable: false, reasons: [], heap: this.heap.statistics() };
  }

  /** Terminates the threads, and unregisters the kernels. */
  override dispose(): void {
    this.pool.dispose();
    for (const { kernelName } of tf.getKernelsForBackend(this.name)) tf.unregisterKernel(kernelName, this.name);
  }

  /**
   * The names of the kernels that run natively, of other packages too; the rest run in WebAssembly. Those that were not used
   * yet are compared with their counterparts of WebAssembly first, which takes some milliseconds.
   */
  get native(): readonly string[] {
    return this.pool.native();
  }

  /** Allocates an output tensor in the heap, with uninitialized values. */
  output(shape: readonly number[], dtype: HeapType = 'float32'): tf.TensorInfo {
    const dataId = {};
    this.data.set(dataId, new HeapData(this.heap, dtype, tf.util.sizeFromShape(shape as number[])));
    return { dataId, shape: shape as number[], dtype };
  }

  /** Returns a tensor that shares the data of `x` and has another shape. */
  share(x: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
    this.incRef(x.dataId);
    return { dataId: x.dataId, shape: shape as number[], dtype: x.dtype };
  }

  /**
   * Returns the address of a tensor's values in the heap, in bytes; of a tensor outside the heap only while a kernel runs.
   * @throws for tensors of other types than float32, int32 and bool
   */
  pointer(x: tf.TensorInfo): number {
    const data = this.data.get(x.dataId);
    if (data instanceof HeapData) return data.pointer;
    if (data instanceof OutsideData) return this.#copyIn(data);
    if (isHeapType(x.dtype) && data.values) {
      const moved = this.#store(data.values, x.dtype);
      moved.refCount = data.refCount;
      this.data.set(x.dataId, moved);
      return moved.pointer;
    }
    throw new Error(`A ${x.dtype} tensor cannot be in the heap of the simd backend; use float32, int32 or bool.`);
  }

  /**
   * Runs a WebAssembly function over `items` items of work, on one thread or on all.
   * @param nanoseconds estimated time of all items on one thread; little work is not distributed
   * @param args passed to the function after `begin`, `end` and `thread`
   */
  run(kernel: KernelFunction, items: number, nanoseconds: number, ...args: number[]): void {
    this.pool.run(kernel, items, nanoseconds, args);
  }

  /** Sets the number of threads from the next kernel on, the calling thread included. @throws below 1 and above 64 */
  setThreads(threads: number): void {
    this.pool.setThreads(threads);
  }

  /** Runs `f` and returns calls and time of each kernel, and how many calls ran on tfjs' cpu kernels; slowest first. */
  profile(f: () => void): OpStatistic[] {
    return this.statistics.during(f);
  }
}
