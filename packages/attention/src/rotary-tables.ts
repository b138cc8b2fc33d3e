import * as tf from '@tensorflow/tfjs';

/** Cosine and sine of the angle of each position and pair of components, [P,R/2] each; scaled frequencies are possible too. */
export interface RotaryTables {
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

/** Options of `rotaryTables`. */
export interface RotaryTablesOptions {
  /** Number of positions, P. */
  readonly positions: number;
  /** Number of components of each head that are rotated, R; even. */
  readonly dimensions: number;
  /** At position p, pair i is rotated by `p * base^(-2i/R)`. Default 10000. */
  readonly base?: number | undefined;
  /** Position of the first row. Default 0. */
  readonly from?: number | undefined;
}

/**
 * Computes the tables of `rotary` once for many calls; the caller owns them. Frequencies are rounded to float32, as in the
 * reference implementations; angles are float64.
 * @throws when R is odd, or another option is invalid
 */
export function rotaryTables({ positions, dimensions, base = 10000, from = 0 }: RotaryTablesOptions): RotaryTables {
  if (!Number.isInteger(dimensions) || dimensions <= 0 || dimensions % 2 !== 0) {
    throw new Error(
      `Rotary embeddings rotate pairs of components; 'dimensions' must be an even number above 0, not ${dimensions}.`,
    );
  }
  if (!Number.isInteger(positions) || positions < 0 || !Number.isFinite(from) || !(base > 0)) {
    throw new Error(
      `Rotary tables need whole positions, a finite start and a base above 0, not ${positions}, ${from}, ${base}.`,
    );
  }
  const half = dimensions / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) => base ** ((-2 * i) / dimensions));
  const angles = (f: (angle: number) => number): tf.Tensor2D =>
    tf.tensor2d(
      Float32Array.from({ length: positions * half }, (_, i) =>
        f((from + Math.floor(i / half)) * (frequencies[i % half] as number)),
      ),
      [positions, half],
    );
  return { cos: angles(Math.cos), sin: angles(Math.sin) }; // [P,R/2]
}
