import type * as tf from '@tensorflow/tfjs';
import type { Heap } from './heap.js';

/** The types of tensors in the heap. */
export type HeapType = 'float32' | 'int32' | 'bool';
/** A view of a tensor's values. */
export type HeapValues = Float32Array | Int32Array | Uint8Array;

/** The data of tensors; tfjs' cpu kernels read `values`. */
export interface TensorData {
  values?: tf.backend_util.BackendValues;
  dtype: tf.DataType;
  refCount: number;
  complexTensorInfos?: { real: tf.TensorInfo; imag: tf.TensorInfo };
}

/** Reports whether tensors of a type are in the heap. */
export const isHeapType = (dtype: tf.DataType): dtype is HeapType =>
  dtype === 'float32' || dtype === 'int32' || dtype === 'bool';

/** Data in the heap: a pointer and a length, as views are invalid once the memory grows. */
export class HeapData implements TensorData {
  refCount = 1;
  readonly pointer: number;
  readonly bytes: number;

  constructor(
    readonly heap: Heap,
    readonly dtype: HeapType,
    readonly length: number,
  ) {
    this.bytes = length * (dtype === 'bool' ? 1 : 4);
    this.pointer = heap.allocate(this.bytes);
  }

  get values(): HeapValues {
    const { buffer } = this.heap;
    if (this.dtype === 'float32') return new Float32Array(buffer, this.pointer, this.length);
    if (this.dtype === 'int32') return new Int32Array(buffer, this.pointer, this.length);
    return new Uint8Array(buffer, this.pointer, this.length);
  }

  free(): void {
    this.heap.free(this.pointer, this.bytes);
  }
}

/** Values outside the heap, in float32 or a shorter type. */
export interface StoredValues {
  readonly length: number;
  /** Fills `target` with the values from index `begin` on, converted to float32. */
  fill(target: Float32Array, begin: number): void;
  /** The little-endian bytes of values in half precision, binary16 or bfloat16. */
  readonly halves?: { readonly dtype: 'F16' | 'BF16'; readonly bytes: Uint8Array } | undefined;
}

/** Data outside the heap, such as frozen weights that are larger than it; kernels that read them use a temporary copy. */
export class OutsideData implements TensorData {
  refCount = 1;
  readonly dtype: 'float32' | 'int32';
  readonly length: number;

  /** @param stored float32 values, or the words of a packed matrix */
  constructor(readonly stored: StoredValues | Int32Array) {
    this.dtype = stored instanceof Int32Array ? 'int32' : 'float32';
    this.length = stored.length;
  }

  /** A copy of all values; of words the array itself. */
  get values(): Float32Array | Int32Array {
    if (this.stored instanceof Int32Array) return this.stored;
    const values = new Float32Array(this.length);
    this.stored.fill(values, 0);
    return values;
  }
}
