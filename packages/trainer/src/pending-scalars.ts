import type { LossTerms } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/** Thrown by `train` when a loss term or a gradient is NaN or infinite. */
export class NonFiniteError extends Error {
  override readonly name = 'NonFiniteError';
  constructor(
    /** The update, counted from 1. */
    readonly step: number,
    /** Names of the loss terms. */
    readonly terms: readonly string[],
    /** Paths of the gradients. */
    readonly gradients: readonly string[],
  ) {
    const parts = [
      terms.length ? `the loss ${list(terms)}` : '',
      gradients.length ? `the gradient of ${list(gradients)}` : '',
    ].filter(Boolean);
    super(
      `At step ${step}, ${parts.join(' and ')} is not finite; lower the learning rate, or check that step's batch.`,
    );
  }
}

const list = (names: readonly string[]): string =>
  names.length <= 6 ? names.join(', ') : `${names.slice(0, 6).join(', ')} and ${names.length - 6} more`;

/** The scalars of one update, read from the device. */
export interface StepScalars {
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

/** The tensors of one update that `PendingScalars` copies. */
export interface StepTensors {
  readonly step: number;
  readonly terms: LossTerms;
  readonly squares: tf.Tensor1D;
  readonly paths: readonly string[];
  /** Factor by which terms and gradients are to be multiplied. */
  readonly gradScale: number;
}

/**
 * Keeps each update's scalars on the device, one small tensor per step, until `read` is called: a step never waits for the
 * device, and NaN is still reported by name, for the step where it first occurred.
 */
export class PendingScalars {
  #pending: Pending[] = [];

  /** Copies the scalars of an update. */
  add({ step, terms, squares, paths, gradScale }: StepTensors): void {
    const values = tf.tidy(() => {
      const scalars = Object.values(terms).map((term) => tf.reshape(term, [1]) as tf.Tensor1D);
      return tf.keep(tf.concat([...scalars, squares]) as tf.Tensor1D); // [T+P]
    });
    this.#pending.push({ step, terms: Object.keys(terms), paths, values, gradScale });
  }

  /**
   * Reads all pending scalars in order, and returns the last.
   * @throws NonFiniteError for the first step that was not finite
   */
  async read(): Promise<StepScalars | undefined> {
    let last: StepScalars | undefined;
    while (this.#pending[0]) {
      last = scalarsOf(this.#pending[0], await this.#pending[0].values.data());
      this.#pending.shift()?.values.dispose();
    }
    return last;
  }

  /** Frees all pending scalars. */
  dispose(): void {
    for (const { values } of this.#pending) values.dispose();
    this.#pending = [];
  }
}

function scalarsOf({ step, terms, paths, gradScale }: Pending, values: ArrayLike<number>): StepScalars {
  const at = (i: number): number => values[i] as number;
  const badTerms = terms.filter((_, i) => !Number.isFinite(at(i)));
  const badPaths = paths.filter((_, i) => !Number.isFinite(at(terms.length + i)));
  if (badTerms.length || badPaths.length) throw new NonFiniteError(step, badTerms, badPaths);
  const losses = Object.fromEntries(terms.map((name, i) => [name, at(i) * gradScale]));
  const squares = paths.reduce((sum, _, i) => sum + at(terms.length + i), 0);
  return { step, losses, gradNorm: Math.sqrt(squares) * gradScale };
}
