import type { WeightSource } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';
import { compareExactly, compareValues, failed, largestOf, type Row, skipped, type Tolerance } from './row.js';
import { activations, gradients, isKeyBias } from './tolerances.js';

/** What was compared so far in one folder. */
export interface Checks {
  readonly rows: readonly Row[];
  add(row: Row): void;
  /** A tensor beside the golden one of its name, which must be there. */
  tensor(name: string, actual: tf.Tensor): Promise<void>;
  /** Checks a tensor if the folder has one of that name. */
  tensorIfAny(name: string, actual: () => tf.Tensor, tolerance?: Tolerance): Promise<void>;
  /** Gradients by the names of their parameters, beside `grad.NAME`. */
  gradients(actual: { readonly [name: string]: tf.Tensor }): Promise<void>;
  /** A gradient beside the golden one of its name. */
  gradient(name: string, actual: tf.Tensor): Promise<void>;
  numbers(name: string, actual: readonly number[], expected: readonly number[], tolerance?: Tolerance): void;
  ids(name: string, actual: readonly number[], expected: readonly number[]): void;
  text(name: string, actual: string, expected: string): void;
  /** Runs some checks; what they throw becomes a failed row, and the others go on. */
  section(name: string, body: () => Promise<void>): Promise<void>;
  /** Says of golden tensors that they are inputs. */
  input(...names: readonly string[]): void;
  /** A row for each golden tensor that was neither compared nor used. */
  finish(): void;
}

export function checksOf(golden: WeightSource): Checks {
  const rows: Row[] = [];
  const seen = new Set<string>();
  const add = (row: Row): void => {
    rows.push(row);
  };
  const beside = async (name: string, actual: tf.Tensor, tolerance: Tolerance): Promise<void> => {
    seen.add(name);
    const info = golden.names.get(name);
    if (!info) return add(failed(name, 'not in golden.safetensors'));
    const values = (await actual.data()) as ArrayLike<number>;
    const expected = { values: await golden.read(name), shape: info.shape };
    add(compareValues(name, [{ values, shape: actual.shape }, expected], tolerance));
  };
  return {
    rows,
    add,
    tensor: (name, actual) => beside(name, actual, activations),
    tensorIfAny: async (name, actual, tolerance = activations) => {
      if (golden.names.has(name)) await beside(name, actual(), tolerance);
    },
    gradients: async (actual) => {
      for (const [path, grad] of Object.entries(actual)) {
        const name = `grad.${path}`;
        const weight = name.replace(/bias$/, 'weight');
        const noise = isKeyBias(name) && golden.names.has(weight) ? largestOf(await golden.read(weight)) : 0;
        await beside(name, grad, (largest) => gradients(Math.max(largest, noise)));
      }
    },
    gradient: (name, actual) => beside(name, actual, gradients),
    numbers: (name, actual, expected, tolerance = activations) =>
      add(compareValues(name, [{ values: actual }, { values: expected }], tolerance)),
    ids: (name, actual, expected) => add(compareExactly(name, actual, expected)),
    text: (name, actual, expected) => {
      const row = compareExactly(name, [...actual], [...expected]);
      const note = `${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`;
      add(row.status === 'pass' ? row : { ...row, note });
    },
    section: async (name, body) => {
      try {
        await body();
      } catch (error) {
        add(failed(name, error instanceof Error ? error.message : String(error)));
      }
    },
    input: (...names) => {
      for (const name of names) seen.add(name);
    },
    finish: () => {
      for (const name of golden.names.keys()) if (!seen.has(name)) add(skipped(name, 'not compared: not known'));
    },
  };
}
