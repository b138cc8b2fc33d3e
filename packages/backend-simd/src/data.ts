import type * as tf from '@tensorflow/tfjs';
import type { Heap } from './heap.js';

export type HeapType = 'float32' | 'int32' | 'bool';
export type HeapValues = Float32Array | Int32Array | Uint8Array;

/** What the backend knows of one buffer of data; tfjs' cpu kernels read `values`. */
export interface TensorData {
  values?: tf.backend_util.BackendValues;
  dtype: tf.DataType;
  refCount: number;
  complexTensorInfos?: { real: tf.TensorInfo; imag: tf.TensorInfo };
}

export const isHeapType = (dtype: tf.DataType): dtype is HeapType =>
  dtype === 'float32' || dtype === 'int32' || dtype === 'bool';

/** A pointer and a length; the view is resolved when it is used. */
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

/** Numbers that are kept elsewhere, as floats or in a shorter form. */
export interface StoredValues {
  readonly length: number;
  /** Writes the values from `begin` on over the whole of `target`, widened. */
  fill(target: Float32Array, begin: number): void;
  /** The same as half precision, little-endian, where they are kept so: IEEE's binary16 or bfloat16. */
  readonly halves?: { readonly dtype: 'F16' | 'BF16'; readonly bytes: Uint8Array } | undefined;
}

/** Numbers outside the heap, such as frozen weights that are larger than it: a kernel that reads them is lent a copy while it runs. */
export class OutsideData implements TensorData {
  refCount = 1;
  readonly dtype = 'float32';

  constructor(readonly stored: StoredValues) {}

  /** A copy of all of them. */
  get values(): Float32Array {
    const values = new Float32Array(this.stored.length);
    this.stored.fill(values, 0);
    return values;
  }
}
