import { type Flat, flatten, type Tree } from '@blip2/tensor';
import type { VitConfig } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { writeFolder } from './folder.js';
import { STUDENT_SIZE } from './teach.js';

/** The vision transformer that ships: 49 cells of 16 pixels, as the teacher's map has, and a class token. */
export const studentConfig: VitConfig = {
  family: 'eva',
  hiddenSize: 256,
  intermediateSize: 1024,
  layers: 4,
  heads: 4,
  imageSize: [STUDENT_SIZE, STUDENT_SIZE],
  patchSize: 16,
  activation: 'gelu',
  epsilon: 1e-6,
  qkvBias: true,
  alignCorners: false,
};

/** The student's folder. Neither its last norm nor the heads go along: a Q-Former looks at what is before them. */
export async function writeStudent(folder: string, vit: Tree): Promise<void> {
  const frozen: Flat = Object.fromEntries(
    Object.entries(flatten(vit)).filter(([path]) => !path.includes('post_layernorm')),
  );
  await writeFolder(folder, { 'config.json': configJson(), 'preprocessor_config.json': preprocessorJson() }, frozen);
}

/** The student as transformers' `Blip2VisionModel` is configured. */
const configJson = () => ({
  architectures: ['Blip2VisionModel'],
  model_type: 'blip_2_vision_model',
  hidden_size: studentConfig.hiddenSize,
  intermediate_size: studentConfig.intermediateSize,
  num_hidden_layers: studentConfig.layers,
  num_attention_heads: studentConfig.heads,
  image_size: STUDENT_SIZE,
  patch_size: studentConfig.patchSize,
  hidden_act: studentConfig.activation,
  layer_norm_eps: studentConfig.epsilon,
  qkv_bias: true,
});

const preprocessorJson = () => ({
  image_processor_type: 'BlipImageProcessor',
  do_resize: true,
  size: { height: STUDENT_SIZE, width: STUDENT_SIZE },
  resample: 3,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
  do_convert_rgb: true,
});

/** uint8 RGB to -1..1: [B,S,S,3] */
export function pixelsOf(parts: readonly Uint8Array[], batch: number): tf.Tensor4D {
  const values = new Float32Array(batch * STUDENT_SIZE * STUDENT_SIZE * 3);
  let to = 0;
  for (const bytes of parts) for (const byte of bytes) values[to++] = byte / 127.5 - 1;
  return tf.tensor4d(values, [batch, STUDENT_SIZE, STUDENT_SIZE, 3]);
}
