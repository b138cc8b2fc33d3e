import type { MatrixShape, QuantizedFormat } from './formats.js';

/** A packed matrix of a file, which is read piece by piece. */
export interface StoredMatrix {
  readonly format: QuantizedFormat;
  /** [output,input] */
  readonly shape: MatrixShape;
  /** Fills `target` with the packed bytes from byte `begin` on. */
  read(target: Uint8Array, begin: number): Promise<void>;
  /** Whether its bytes stay outside a backend's heap, as `storedTensor` keeps others, where the backend can. Default false. */
  readonly outside?: boolean | undefined;
  /** Reads the factors of the rows, [output], of `I8` alone. */
  scales?(): Promise<Float32Array>;
}
