import * as tf from '@tensorflow/tfjs';
import { HeapData, type HeapType, isHeapType, OutsideData, type StoredValues, type TensorData } from './data.js';
import type { Heap, HeapStatistics } from './heap.js';
import type { KernelFunction, Pool } from './pool.js';
import { type OpStatistic, Statistics } from './statistics.js';

/** What this package uses of tfjs' MathBackendCPU, whose class tfjs does not export. */
interface CpuBackend extends tf.KernelBackend {
  data: tf.DataStorage<TensorData>;
  firstUse: boolean;
  write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object;
  move(id: object, values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType, refCount: number): void;
  readSync(id: object): tf.backend_util.BackendValues;
  disposeData(id: object, force?: boolean): boolean;
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.backend_util.BackendValues): tf.TensorInfo;
  disposeIntermediateTensorInfo(info: tf.TensorInfo): void;
  incRef(id: object): void;
  memory(): { unreliable: boolean; reasons: string[] };
}

/** The class behind the registered 'cpu' backend: the one that shares this engine. */
function cpuBackendClass(): new () => CpuBackend {
  const factory = tf.findBackendFactory('cpu');
  if (!factory)
    throw new Error("The simd backend extends tfjs' cpu backend, which is not registered; import '@tensorflow/tfjs'.");
  return (factory() as CpuBackend).constructor as new () => CpuBackend;
}

export interface SimdMemory {
  unreliable: boolean;
  reasons: string[];
  heap: HeapStatistics;
}

/** tfjs' cpu backend with its numbers in a shared WebAssembly heap and its hot kernels replaced. */
export class SimdBackend extends cpuBackendClass() {
  readonly heap: Heap;
  readonly pool: Pool;
  #kept: HeapData[] | undefined;
  /** What the kernel that runs was lent of data outside the heap. */
  #lent: Map<OutsideData, HeapData> | undefined;
  readonly name: string;
  readonly relaxedSimd: boolean;
  readonly statistics: Statistics = new Statistics();
  /** Widens half precision within the heap; see assembly/widen.ts. */
  widen: KernelFunction | undefined;
  /** False where the self-check found wrong results: then tfjs' kernels serve, and no others are registered. */
  trusted = true;

  /** @param options what it is called at tfjs, and whether its kernels use relaxed SIMD */
  constructor(heap: Heap, pool: Pool, options: { name: string; relaxedSimd: boolean }) {
    super();
    this.heap = heap;
    this.pool = pool;
    this.name = options.name;
    this.relaxedSimd = options.relaxedSimd;
    this.firstUse = false; // no advice to install another backend
  }

  override write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object {
    if (!isHeapType(dtype) || values == null) return super.write(values, shape, dtype);
    if (this.#mayNotGrow(values.length)) return super.write(values.slice() as Float32Array, shape, dtype);
    const id = {};
    this.data.set(id, this.#store(values, dtype));
    return id;
  }

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

  /** Within tfjs' kernels, which hold views, a memory that is not shared must not move; see `pointer`. */
  #mayNotGrow(length: number): boolean {
    return this.#kept !== undefined && !this.heap.shared && !this.heap.fits(length * 4);
  }

  #store(values: tf.backend_util.BackendValues, dtype: HeapType): HeapData {
    const data = new HeapData(this.heap, dtype, values.length);
    data.values.set(values as ArrayLike<number>);
    return data;
  }

  /** A copy: what lies in the heap is reused after disposal. */
  override readSync(id: object): tf.backend_util.BackendValues {
    const data = this.data.get(id);
    return data instanceof HeapData ? data.values.slice() : super.readSync(id);
  }

  override disposeData(id: object, force = false): boolean {
    const data = this.data.has(id) ? this.data.get(id) : undefined;
    const gone = super.disposeData(id, force);
    if (gone && data instanceof HeapData) {
      if (this.#kept) this.#kept.push(data);
      else data.free();
    }
    return gone;
  }

  /** Runs one of tfjs' cpu kernels: they may read values of tensors that they have disposed of, so nothing is reused meanwhile. */
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

  /** Runs a kernel: what it is lent of data outside the heap is taken back when it ends. */
  runKernel<R>(f: () => R): R {
    if (this.#lent) return f();
    const lent = new Map<OutsideData, HeapData>();
    this.#lent = lent;
    try {
      return f();
    } finally {
      this.#lent = undefined;
      for (const data of lent.values()) data.free();
    }
  }

  #lend(data: OutsideData): number {
    if (!this.#lent)
      throw new Error('Data outside the heap of the simd backend has a pointer only while a kernel runs.');
    let copy = this.#lent.get(data);
    if (!copy) {
      copy = new HeapData(this.heap, data.dtype, data.stored.length);
      this.#lent.set(data, copy);
      this.#fill(copy, data.stored);
    }
    return copy.pointer;
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

  /** A tensor of numbers that stay outside the heap, for weights that are read but never written. */
  outside(stored: StoredValues, shape: readonly number[]): tf.TensorInfo {
    const dataId = {};
    this.data.set(dataId, new OutsideData(stored));
    return { dataId, shape: shape as number[], dtype: 'float32' };
  }

  override memory(): SimdMemory {
    return { unreliable: false, reasons: [], heap: this.heap.statistics() };
  }

  /** Ends the threads, and takes back the kernels: a later backend of this name shall not call them. */
  override dispose(): void {
    this.pool.dispose();
    for (const { kernelName } of tf.getKernelsForBackend(this.name)) tf.unregisterKernel(kernelName, this.name);
  }

  /** A new tensor in the heap, its values not set. */
  output(shape: readonly number[], dtype: HeapType = 'float32'): tf.TensorInfo {
    const dataId = {};
    this.data.set(dataId, new HeapData(this.heap, dtype, tf.util.sizeFromShape(shape as number[])));
    return { dataId, shape: shape as number[], dtype };
  }

  /** The same data under another shape. */
  share(x: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
    this.incRef(x.dataId);
    return { dataId: x.dataId, shape: shape as number[], dtype: x.dtype };
  }

  /** Where a float32, int32 or bool tensor begins in the heap, in bytes; of one outside the heap, while a kernel runs. */
  pointer(x: tf.TensorInfo): number {
    const data = this.data.get(x.dataId);
    if (data instanceof HeapData) return data.pointer;
    if (data instanceof OutsideData) return this.#lend(data);
    if (isHeapType(x.dtype) && data.values) {
      const moved = this.#store(data.values, x.dtype);
      moved.refCount = data.refCount;
      this.data.set(x.dataId, moved);
      return moved.pointer;
    }
    throw new Error(
      `A ${x.dtype} tensor has no place in the heap of the simd backend; give a float32, int32 or bool one.`,
    );
  }

  /** Runs a wasm function over `items`, in this thread or in all; see Pool.run. */
  run(kernel: KernelFunction, items: number, nanoseconds: number, ...args: number[]): void {
    this.pool.run(kernel, items, nanoseconds, args);
  }

  /** Uses up to `threads` threads from the next kernel on, this one included. */
  setThreads(threads: number): void {
    this.pool.setThreads(threads);
  }

  /** Runs `f` and says what each op took, and which of them ran on tfjs' cpu kernels. */
  profile(f: () => void): OpStatistic[] {
    return this.statistics.during(f);
  }
}
