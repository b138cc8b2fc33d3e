import { encodeKeyValues, type KeyValues, type QFormer, type QFormerConfig } from '@blip2/qformer';
import { type Linear, layerNorm, layerNormSpec, type Params } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

type Layer = QFormer['qformer']['encoder']['layer'][number];

/** Epsilon of `ln_vision`, the layer norm between image encoder and Q-Former, as in transformers (LAVIS has 1e-5). */
export const VISION_NORM_EPSILON = 1e-6;

/** Describes the parameters of `ln_vision` by their names in Hugging Face checkpoints. */
export const visionNormSpec = (width: number) => ({ vision_model: { post_layernorm: layerNormSpec(width) } });

/** The parameters of `ln_vision`. */
export type VisionNorm = Params<ReturnType<typeof visionNormSpec>>;

/** Applies `ln_vision` to features, [B,N,D] -> [B,N,D]. It is trained in both stages, though the encoder is frozen. */
export const normFeatures = (p: VisionNorm, features: tf.Tensor3D): tf.Tensor3D =>
  layerNorm(p.vision_model.post_layernorm, features, VISION_NORM_EPSILON) as tf.Tensor3D;

/**
 * Computes the keys and values of cross-attention from features that are not yet normalized, [I,N,D] -> [I,N,W] for each layer:
 * `encodeKeyValues` of `normFeatures`, with the norm's weight and bias folded into the projections after it,
 * `W(γ∘x̂ + β) + b = (W∘γ)x̂ + (Wβ + b)`. x̂ has no parameters, so that training needs no gradient [I,N,D]. The caller owns them.
 */
export function keyValues(p: QFormer & VisionNorm, config: QFormerConfig, features: tf.Tensor3D): KeyValues {
  const fold = ({ weight, bias }: Linear): Linear => {
    const { post_layernorm: norm } = p.vision_model;
    const shift = tf.squeeze(tf.matMul(weight, tf.expandDims(norm.bias, 1)), [1]); // [W]
    return { weight: tf.mul(weight, norm.weight), bias: bias ? tf.add(bias, shift) : shift };
  };
  const folded = (layer: Layer): Layer => {
    const { crossattention } = layer;
    if (!crossattention) return layer;
    const { attention } = crossattention;
    const { key, value } = attention;
    return {
      ...layer,
      crossattention: { ...crossattention, attention: { ...attention, key: fold(key), value: fold(value) } },
    };
  };
  return tf.tidy(() => {
    const D = features.shape[2];
    const plain = layerNorm({ weight: tf.ones([D]), bias: tf.zeros([D]) }, features, VISION_NORM_EPSILON);
    const layer = p.qformer.encoder.layer.map(folded);
    const params = { ...p, qformer: { ...p.qformer, encoder: { layer } } };
    return encodeKeyValues(params, config, plain as tf.Tensor3D) as unknown as tf.TensorContainer;
  }) as unknown as KeyValues;
}
