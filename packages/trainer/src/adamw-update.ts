import { runNamed } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/** The tensors of one parameter's update. */
export interface Leaf {
  readonly param: tf.Tensor;
  readonly grad: tf.Tensor;
  readonly m: tf.Tensor;
  readonly v: tf.Tensor;
  /** Multiplies the gradient. */
  readonly factor?: tf.Scalar | undefined;
}

type UpdatedLeaf = Pick<Leaf, 'param' | 'm' | 'v'>;

/** The attributes of the kernel `AdamWUpdate`; `step` counts from 1. */
export type Numbers = Record<'lr' | 'beta1' | 'beta2' | 'epsilon' | 'weightDecay' | 'step' | 'gradScale', number>;

/** Updates one parameter. Takes ownership of `param`, `m` and `v`; the returned tensors replace them. */
export function updateLeaf({ factor, ...leaf }: Leaf, numbers: Numbers): UpdatedLeaf {
  if (runNamed('AdamWUpdate', { ...leaf, ...(factor && { factor }) }, numbers)) return leaf;
  const next = compose({ ...leaf, factor }, numbers);
  tf.dispose([leaf.param, leaf.m, leaf.v]);
  return next;
}

function compose(leaf: Leaf, { lr, beta1, beta2, epsilon, weightDecay, step, gradScale }: Numbers): UpdatedLeaf {
  return tf.tidy(() => {
    const scaled = gradScale === 1 ? leaf.grad : tf.mul(leaf.grad, gradScale);
    const grad = leaf.factor ? tf.mul(scaled, leaf.factor) : scaled;
    const m = tf.keep(tf.add(tf.mul(leaf.m, beta1), tf.mul(grad, 1 - beta1)));
    const v = tf.keep(tf.add(tf.mul(leaf.v, beta2), tf.mul(tf.square(grad), 1 - beta2)));
    const root = tf.add(tf.div(tf.sqrt(v), Math.sqrt(1 - beta2 ** step)), epsilon);
    const decayed = weightDecay === 0 ? leaf.param : tf.mul(leaf.param, 1 - lr * weightDecay);
    const param = tf.keep(tf.sub(decayed, tf.mul(tf.div(m, root), lr / (1 - beta1 ** step))));
    return { param, m, v };
  });
}
