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
