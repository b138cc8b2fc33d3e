import type { LossTerms } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/** A loss term or a gradient was NaN or infinite. */
export class NonFiniteError extends Error {
  override readonly name = 'NonFiniteError';
  constructor(
    /** The update, counted from 1. */
    readonly step: number,
    readonly terms: readonly string[],
    readonly gradients: readonly string[],
  ) {
    const parts = [
      terms.length ? `the loss ${list(terms)}` : '',
      gradients.length ? `the gradient of ${list(gradients)}` : '',
    ].filter(Boolean);
    super(
      `At step ${step}, ${parts.join(' and ')} is not finite; lower the learning rate or look at that step's batch.`,
    );
  }
}

const list = (names: readonly string[]): string =>
  names.length <= 6 ? names.join(', ') : `${names.slice(0, 6).join(', ')} and ${names.length - 6} more`;

/** The numbers of one update, read back. */
export interface Entry {
  readonly step: number;
  readonly losses: Record<string, number>;
  /** Before clipping. */
  readonly gradNorm: number;
}

interface Pending {
  readonly step: number;
  readonly terms: readonly string[];
  readonly paths: readonly string[];
  readonly values: tf.Tensor1D;
  readonly gradScale: number;
}

export interface Written {
  readonly step: number;
  readonly terms: LossTerms;
  readonly squares: tf.Tensor1D;
  readonly paths: readonly string[];
  /** What terms and gradients still are to be multiplied by. */
  readonly gradScale: number;
}

/**
 * Keeps each update's scalars on the device, one small tensor a step, until `settle` reads them: a step never waits, and
 * what was not finite is still found by name, at the step where it began.
 */
export class Ledger {
  #pending: Pending[] = [];

  write({ step, terms, squares, paths, gradScale }: Written): void {
    const values = tf.tidy(() => {
      const scalars = Object.values(terms).map((term) => tf.reshape(term, [1]) as tf.Tensor1D);
      return tf.keep(tf.concat([...scalars, squares]) as tf.Tensor1D); // [T+P]
    });
    this.#pending.push({ step, terms: Object.keys(terms), paths, values, gradScale });
  }

  /**
   * Reads all that is pending, in order, and returns the last.
   * @throws NonFiniteError for the first step that was not finite
   */
  async settle(): Promise<Entry | undefined> {
    let last: Entry | undefined;
    while (this.#pending[0]) {
      last = entry(this.#pending[0], await this.#pending[0].values.data());
      this.#pending.shift()?.values.dispose();
    }
    return last;
  }

  dispose(): void {
    for (const { values } of this.#pending) values.dispose();
    this.#pending = [];
  }
}

function entry({ step, terms, paths, gradScale }: Pending, values: ArrayLike<number>): Entry {
  const at = (i: number): number => values[i] as number;
  const badTerms = terms.filter((_, i) => !Number.isFinite(at(i)));
  const badPaths = paths.filter((_, i) => !Number.isFinite(at(terms.length + i)));
  if (badTerms.length || badPaths.length) throw new NonFiniteError(step, badTerms, badPaths);
  const losses = Object.fromEntries(terms.map((name, i) => [name, at(i) * gradScale]));
  const squares = paths.reduce((sum, _, i) => sum + at(terms.length + i), 0);
  return { step, losses, gradNorm: Math.sqrt(squares) * gradScale };
}
