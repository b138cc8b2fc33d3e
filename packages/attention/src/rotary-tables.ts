import * as tf from '@tensorflow/tfjs';

/** The cosine and sine of the angle of each position and pair, [P,R/2] each. Plain data: scaled frequencies fit in too. */
export interface RotaryTables {
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

export interface RotaryTablesOptions {
  /** P: rows, one a position. */
  readonly positions: number;
  /** R, even: so many components of each head turn. */
  readonly dimensions: number;
  /** Pair i of a position p turns by `p * base^(-2i/R)`. Default 10000. */
  readonly base?: number | undefined;
  /** The position of the first row. Default 0. */
  readonly from?: number | undefined;
}

/**
 * What `rotary` turns by, computed once for many calls; the caller owns both.
 * Frequencies are float32, as checkpoints were trained with; angles and the rest are float64.
 * @throws when R is odd, or a number is not one
 */
export function rotaryTables({ positions, dimensions, base = 10000, from = 0 }: RotaryTablesOptions): RotaryTables {
  if (!Number.isInteger(dimensions) || dimensions <= 0 || dimensions % 2 !== 0) {
    throw new Error(`Rotary positions turn pairs of components; ${dimensions} of them must be an even number above 0.`);
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
