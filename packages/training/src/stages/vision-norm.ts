import { encodeKeyValues, type KeyValues, type QFormer, type QFormerConfig } from '@blip2/qformer';
import { type Linear, layerNorm, layerNormSpec, type Params } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

type Layer = QFormer['qformer']['encoder']['layer'][number];

/** Hugging Face's epsilon of the norm between image encoder and Q-Former (LAVIS has 1e-5). */
export const VISION_NORM_EPSILON = 1e-6;

/** `ln_vision` by its Hugging Face name. */
export const visionNormSpec = (width: number) => ({ vision_model: { post_layernorm: layerNormSpec(width) } });
export type VisionNorm = Params<ReturnType<typeof visionNormSpec>>;

/** `ln_vision`: [B,N,D] -> [B,N,D]. Trained in both stages, though the encoder before it is frozen. */
export const normFeatures = (p: VisionNorm, features: tf.Tensor3D): tf.Tensor3D =>
  layerNorm(p.vision_model.post_layernorm, features, VISION_NORM_EPSILON) as tf.Tensor3D;

/**
 * What all layers read of the normalized images: features [I,N,D] -> [I,N,W] each. The same as `imageKeys` of
 * `normFeatures`, with the norm's scale and shift folded into the projections that read it,
 * `W(γ∘x̂ + β) + b = (W∘γ)x̂ + (Wβ + b)`: x̂ has no parameters, so training takes no gradient [I,N,D] by it.
 */
export function keyValues(p: QFormer & VisionNorm, config: QFormerConfig, features: tf.Tensor3D): KeyValues {
  const fold = ({ weight, bias }: Linear): Linear => {
    const { post_layernorm: norm } = p.vision_model;
    const shift = tf.squeeze(tf.matMul(weight, tf.expandDims(norm.bias, 1)), [1]); // [W]
    return { weight: tf.mul(weight, norm.weight), bias: bias ? tf.add(bias, shift) : shift };
  };
  const read = (layer: Layer): Layer => {
    const look = layer.crossattention;
    if (!look) return layer;
    const { key, value } = look.attention;
    return {
      ...layer,
      crossattention: { ...look, attention: { ...look.attention, key: fold(key), value: fold(value) } },
    };
  };
  return tf.tidy(() => {
    const D = features.shape[2];
    const plain = layerNorm({ weight: tf.ones([D]), bias: tf.zeros([D]) }, features, VISION_NORM_EPSILON);
    const layer = p.qformer.encoder.layer.map(read);
    const reading = { ...p, qformer: { ...p.qformer, encoder: { layer } } };
    return encodeKeyValues(reading, config, plain as tf.Tensor3D) as unknown as tf.TensorContainer;
  }) as unknown as KeyValues;
}
