import { type Linear, linear } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';

/** Computes the logits of the next token by a head without bias: weight [V,W], hidden [B,L,W] -> [B,L,V]. */
export const tokenLogits = (weight: tf.Tensor, hidden: tf.Tensor): tf.Tensor3D =>
  linear({ weight } as Linear, hidden) as tf.Tensor3D;
