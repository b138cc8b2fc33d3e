import type { Shape } from './spec.js';

/** Named tensors in a file: what `bind` reads from. The file formats of this package give one. */
export interface WeightSource {
  /** For messages: a file's or folder's name. */
  readonly origin: string;
  readonly names: ReadonlyMap<string, { readonly shape: Shape; readonly dtype: string }>;
  /** One tensor's values, widened to float32. */
  read(name: string): Promise<Float32Array>;
  close(): Promise<void>;
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
