import * as tf from '@tensorflow/tfjs';
import { runNamed } from './ops/named.js';
import type { Shape } from './spec.js';

/** Named tensors in a file: what `bind` reads from. The file formats of this package give one. */
export interface WeightSource {
  /** For messages: a file's or folder's name. */
  readonly origin: string;
  readonly names: ReadonlyMap<string, { readonly shape: Shape; readonly dtype: string }>;
  /** One tensor's values, widened to float32. */
  read(name: string): Promise<Float32Array>;
  /** A tensor that should stay as the file has it, outside the heap of a backend that has one; undefined for any other. */
  readonly stored?: ((name: string) => Promise<StoredValues | undefined>) | undefined;
  close(): Promise<void>;
}

/** A tensor's values in the form that a file has them in, in memory. */
export interface StoredValues {
  readonly length: number;
  /** Writes the values from `begin` on over the whole of `target`, widened to float32. */
  fill(target: Float32Array, begin: number): void;
  /** The same as half precision, little-endian, where they are kept so; a backend may widen them faster than `fill`. */
  readonly halves?: { readonly dtype: 'F16' | 'BF16'; readonly bytes: Uint8Array } | undefined;
}

/**
 * A tensor of such values. They stay as they are where the running backend has a kernel `Outside`, which lends a float32
 * copy to each kernel that reads them: slower, but frozen weights may then be larger than its heap. Elsewhere they are
 * copied at once.
 */
export function storedTensor(stored: StoredValues, shape: Shape): tf.Tensor {
  const [outside] = runNamed('Outside', {}, { stored, shape }) ?? [];
  if (outside) return outside;
  const values = new Float32Array(stored.length);
  stored.fill(values, 0);
  return tf.tensor(values, [...shape], 'float32');
}

/** A tensor that is made of others in a file: under another name, a part, or several as one. */
export interface DerivedTensor {
  readonly shape: Shape;
  readonly dtype: string;
  /** The values, which the caller owns. */
  read(): Promise<Float32Array>;
}

/** A source seen through a table of derived tensors: what is not in the table is left out. Closing it closes the source. */
export function derivedSource(
  source: Pick<WeightSource, 'origin' | 'close'>,
  tensors: ReadonlyMap<string, DerivedTensor>,
): WeightSource {
  const read = async (name: string): Promise<Float32Array> => {
    const tensor = tensors.get(name);
    if (tensor) return tensor.read();
    throw new Error(`There is no tensor '${name}' in ${source.origin}.`);
  };
  return { origin: source.origin, names: tensors, read, close: () => source.close() };
}
