import * as tf from '@tensorflow/tfjs';
import { hash, rng } from './random.js';
import { type Params, type Spec, specLeaves } from './spec.js';
import { unflatten } from './tree.js';

/**
 * Initializes the parameters of a spec; the caller owns the tree. Each leaf has a random generator of its own, seeded by
 * `seed` and its path, so that adding a parameter changes no other.
 */
export function initialize<S extends Spec>(spec: S, seed: number): Params<S> {
  const flat = Object.fromEntries(
    specLeaves(spec).map(([path, leaf]) => [
      path,
      tf.keep(tf.tensor(leaf.init(leaf.shape, rng(hash(seed, path))), [...leaf.shape], 'float32')),
    ]),
  );
  return unflatten(spec, flat);
}
