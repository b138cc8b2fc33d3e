import * as tf from '@tensorflow/tfjs';
import { runNamed } from './ops/named.js';
import type { QuantizedFormat, QuantizedValues } from './quantized/formats.js';
import type { StoredMatrix } from './quantized/stored-matrix.js';
import type { Shape } from './spec.js';

/** What a source says of a tensor before it is read. */
export interface TensorDescription {
  /** Of a packed matrix [output,input]. */
  readonly shape: Shape;
  /** Of a packed matrix its format. */
  readonly dtype: string;
  /** The format of a matrix that stays packed in memory, where the source has such. */
  readonly packed?: QuantizedFormat | undefined;
}

/** A source of named tensors, from which `bind` loads: the file formats of this package implement it. */
export interface WeightSource {
  /** Name of the file or folder in errors. */
  readonly origin: string;
  /** Shape and dtype of each tensor by name. */
  readonly names: ReadonlyMap<string, TensorDescription>;
  /**
   * Reads a tensor's values as float32, row-major.
   * @param target of as many values, which may be filled and returned in place of an array of its own
   */
  read(name: string, target?: Float32Array): Promise<Float32Array>;
  /** Reads a tensor that should stay in the file's dtype, outside a backend's heap, see `storedTensor`; undefined for others. */
  readonly stored?: ((name: string) => Promise<StoredValues | undefined>) | undefined;
  /** Opens a matrix that is packed and stays so, as a `QuantizedMatrix`; undefined for others. */
  readonly quantized?: ((name: string) => Promise<QuantizedValues | StoredMatrix | undefined>) | undefined;
  /** Releases the source. */
  close(): Promise<void>;
}

/** A tensor's values in memory in their file's dtype, which are converted to float32 where they are used. */
export interface StoredValues {
  /** Number of values. */
  readonly length: number;
  /** Fills `target` with the values from index `begin` on, converted to float32. */
  fill(target: Float32Array, begin: number): void;
  /** The little-endian bytes of values in half precision, which a backend may convert faster than `fill`. */
  readonly halves?: { readonly dtype: 'F16' | 'BF16'; readonly bytes: Uint8Array } | undefined;
}

/**
 * Creates a float32 tensor of stored values. Where the current backend has a kernel `Outside`, they stay outside its heap in
 * their dtype, and kernels that read them use a temporary float32 copy: slower, but frozen weights may be larger than the
 * heap. Elsewhere they are converted at once.
 */
export function storedTensor(stored: StoredValues, shape: Shape): tf.Tensor {
  const [outside] = runNamed('Outside', {}, { stored, shape }) ?? [];
  if (outside) return outside;
  const values = new Float32Array(stored.length);
  stored.fill(values, 0);
  return tf.tensor(values, [...shape], 'float32');
}

/** A tensor that is derived from tensors of a file: renamed, sliced or concatenated. */
export interface DerivedTensor extends TensorDescription {
  /** Computes the values, which the caller owns. */
  read(): Promise<Float32Array>;
  /** Opens it as a packed matrix, of a tensor that is only renamed. */
  quantized?(): ReturnType<NonNullable<WeightSource['quantized']>>;
}

/** Creates a source of derived tensors only; closing it closes the underlying source. */
export function derivedSource(
  source: Pick<WeightSource, 'origin' | 'close'>,
  tensors: ReadonlyMap<string, DerivedTensor>,
): WeightSource {
  const read = async (name: string): Promise<Float32Array> => {
    const tensor = tensors.get(name);
    if (tensor) return tensor.read();
    throw new Error(`There is no tensor '${name}' in ${source.origin}.`);
  };
  const quantized = async (name: string) => tensors.get(name)?.quantized?.();
  return { origin: source.origin, names: tensors, read, quantized, close: () => source.close() };
}
