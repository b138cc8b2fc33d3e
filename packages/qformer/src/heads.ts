import { activation, l2Normalize, layerNorm, linear } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { QFormerConfig } from './config.js';
import { need, type QFormer } from './spec.js';

/** Projects the output of the queries to image features of unit length for the contrastive loss: [B,Q,W] of `queryPass` -> [B,Q,E]. */
export function imageFeatures(p: QFormer, output: tf.Tensor3D): tf.Tensor3D {
  const head = need(p.vision_projection, 'projection of images', 'retrieval');
  return tf.tidy(() => l2Normalize(linear(head, output)) as tf.Tensor3D); // [B,Q,E]
}

/** Projects the first token of texts to text features of unit length for the contrastive loss: [B,T,W] of `textPass` -> [B,E]. */
export function textFeatures(p: QFormer, hidden: tf.Tensor3D): tf.Tensor2D {
  const [B, , W] = hidden.shape;
  return tf.tidy(() => {
    const first = tf.slice(hidden, [0, 0, 0], [B, 1, W]);
    return tf.squeeze(textTokenFeatures(p, first), [1]) as tf.Tensor2D; // [B,E]
  });
}

/** Projects every token of texts as `textFeatures` projects the first: [B,T,W] -> [B,T,E]. */
export function textTokenFeatures(p: QFormer, hidden: tf.Tensor3D): tf.Tensor3D {
  const head = need(p.text_projection, 'projection of texts', 'retrieval');
  return tf.tidy(() => l2Normalize(linear(head, hidden)) as tf.Tensor3D); // [B,T,E]
}

/**
 * Computes the logits of image-text matching, class 1 for a match: [B,Q,W] of `matchPass` -> [B,2]. They are the mean of the
 * queries' logits, which for a linear head are the logits of the queries' mean.
 */
export function itmLogits(p: QFormer, output: tf.Tensor3D): tf.Tensor2D {
  const head = need(p.itm_head, 'matching head', 'retrieval');
  return tf.tidy(() => linear(head, tf.mean(output, 1)) as tf.Tensor2D); // [B,2]
}

/** Computes the logits of the next token: [B,T,W] of `captionPass` -> [B,T,V]. The output matrix is that of the word embeddings. */
export function itgLogits(p: QFormer, config: QFormerConfig, hidden: tf.Tensor3D): tf.Tensor3D {
  const { bias, transform } = need(p.cls, 'captioning head', 'pretraining').predictions;
  const { weight } = need(p.embeddings, 'text embeddings', 'retrieval').word_embeddings;
  return tf.tidy(() => {
    const x = activation(config.activation)(linear(transform.dense, hidden));
    return linear({ weight, bias }, layerNorm(transform.LayerNorm, x, config.epsilon)) as tf.Tensor3D; // [B,T,V]
  });
}
