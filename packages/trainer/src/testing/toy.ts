import {
  dropout,
  type Flat,
  flatten,
  hash,
  initialize,
  linear,
  linearSpec,
  param,
  rng,
  unflatten,
  zeros,
} from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { adamw } from '../adamw.js';
import { lavisWeightDecay } from '../groups.js';
import type { TrainOptions } from '../options.js';
import type { LossInput } from '../position.js';
import { cosineLr } from '../schedules.js';

const toySpec = { first: linearSpec(4, 8), second: linearSpec(8, 1), temp: param([], zeros) };

export interface ToyBatch {
  readonly x: tf.Tensor2D;
  readonly y: tf.Tensor2D;
}

/** x [B,4] and y [B,1] from a seed. */
export function toyBatch(seed: number, size = 6): ToyBatch {
  const random = rng(seed);
  const x = Float32Array.from({ length: size * 4 }, () => 2 * random() - 1);
  const y = Float32Array.from({ length: size }, (_, i) => Math.sin(x[4 * i]!) + x[4 * i + 1]! * x[4 * i + 2]!);
  return { x: tf.tensor2d(x, [size, 4]), y: tf.tensor2d(y, [size, 1]) };
}

/** A two-layer regression with dropout, which makes the seed count. */
export function toyLoss(rate: number) {
  return ({ trainable, batch, seed }: LossInput<ToyBatch>) => {
    const p = unflatten(toySpec, trainable);
    const hidden = dropout(tf.tanh(linear(p.first, batch.x)), rate, { training: true, seed });
    const y = tf.mul(linear(p.second, hidden), tf.exp(p.temp));
    const error = tf.mean(tf.square(tf.sub(y, batch.y))) as tf.Scalar;
    return { total: error, error };
  };
}

export const toyTree = (seed = 3): Flat => flatten(initialize(toySpec, seed));

/** A small run that every test changes as it needs. */
export function toyRun(changes: Partial<TrainOptions<ToyBatch>> = {}): TrainOptions<ToyBatch> & { trainable: Flat } {
  return {
    trainable: toyTree(),
    batch: ({ position }) => toyBatch(hash(11, `batch ${position}`)),
    loss: toyLoss(0.25),
    optimizer: adamw({ decayRule: lavisWeightDecay }),
    schedule: cosineLr({ learningRate: 0.02, warmupSteps: 3, steps: 40 }),
    steps: 10,
    seed: 5,
    ...changes,
  };
}

/** Runs to the end. */
export async function collect<T>(steps: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const step of steps) all.push(step);
  return all;
}

/** The values of every tensor, as text, for comparison to the last bit. */
export const bits = (flat: Flat): Record<string, string> =>
  Object.fromEntries(
    Object.entries(flat).map(([path, tensor]) => {
      const values = Float32Array.from(tensor.dataSync());
      return [path, Buffer.from(values.buffer).toString('hex')];
    }),
  );
