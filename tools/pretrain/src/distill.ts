import { join } from 'node:path';
import {
  crossEntropy,
  type Flat,
  flatten,
  initialise,
  type LossTerms,
  l2Normalize,
  linear,
  linearSpec,
  type Params,
  unflatten,
} from '@blip2/tensor';
import { adamw, cosineLr, type Schedule, sampler, type TrainStep, train } from '@blip2/trainer';
import { type VisionConfig, visionSpec, vitForward } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { writeFolder } from './folder.js';
import { CELLS, COMPONENTS, STUDENT_SIZE } from './teach.js';
import { openViews } from './views-file.js';

/** The vision transformer that ships: 49 cells of 16 pixels, as the teacher's map has, and a class token. */
export const studentConfig: VisionConfig = {
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

/** The student, and the heads that are thrown away after distillation. */
export const distillSpec = (config: VisionConfig) => ({
  vit: visionSpec(config, { finalNorm: true }),
  cells: linearSpec(config.hiddenSize, COMPONENTS),
  whole: linearSpec(config.hiddenSize, COMPONENTS),
});
export type DistillParams = Params<ReturnType<typeof distillSpec>>;

export interface Prediction {
  /** [B,49,C] */
  cells: tf.Tensor3D;
  /** [B,C], from the class token */
  whole: tf.Tensor2D;
}

/** Pixels [B,S,S,3] in -1 to 1 to what the student thinks the teacher sees. */
export function predict(p: DistillParams, config: VisionConfig, pixels: tf.Tensor4D): Prediction {
  return tf.tidy(() => {
    const tokens = vitForward(p.vit, config, pixels, { finalNorm: true }); // [B,50,D]
    const [B, , D] = tokens.shape;
    const first = tf.reshape(tf.slice(tokens, [0, 0, 0], [B, 1, D]), [B, D]);
    const rest = tf.slice(tokens, [0, 1, 0], [B, CELLS, D]);
    return { cells: linear(p.cells, rest) as tf.Tensor3D, whole: linear(p.whole, first) as tf.Tensor2D };
  });
}

/**
 * Squared error of each cell, and of the class token against the mean of the cells. With `contrast`, the means must also
 * be told apart within the batch: each student's mean is to find its own teacher's among all (InfoNCE, van den Oord 2018).
 */
export function distillLoss({ cells, whole }: Prediction, maps: tf.Tensor3D, contrast: boolean): LossTerms {
  const mean = tf.mean(maps, 1) as tf.Tensor2D; // [B,C]
  const cell = tf.mean(tf.squaredDifference(cells, maps)) as tf.Scalar;
  const token = tf.mean(tf.squaredDifference(whole, mean)) as tf.Scalar;
  const angle = contrast
    ? (tf.add(tellApart(tf.mean(cells, 1), mean), tellApart(whole, mean)) as tf.Scalar)
    : (tf.sub(1, tf.mean(tf.sum(tf.mul(unit(tf.mean(cells, 1)), unit(mean)), -1))) as tf.Scalar);
  return { total: tf.addN([cell, token, angle]) as tf.Scalar, cell, token, angle };
}

const unit = (x: tf.Tensor): tf.Tensor2D => l2Normalize(x) as tf.Tensor2D;

const TEMPERATURE = 0.1;

function tellApart(student: tf.Tensor, teacher: tf.Tensor2D): tf.Tensor {
  const logits = tf.div(tf.matMul(unit(student), unit(teacher), false, true), TEMPERATURE) as tf.Tensor2D; // [B,B]
  return tf.mean(crossEntropy(logits, tf.range(0, logits.shape[0], 1, 'int32')));
}

export interface VisionOptions {
  /** Where the teacher's maps are and the checkpoints go. */
  work: string;
  /** Where the Hugging Face folder goes. */
  folder: string;
  steps: number;
  batch: number;
  seed: number;
}

/** Distils the teacher's maps of `train` into a student and writes its folder. A run that was stopped goes on. */
export async function pretrainVision(options: VisionOptions, onStep: (step: TrainStep) => void): Promise<void> {
  const { work, folder, steps, batch, seed } = options;
  const views = openViews(work, 'train');
  const places = sampler({ count: views.length, batchSize: batch, seed });
  const spec = distillSpec(studentConfig);
  const trainable: Flat = flatten(initialise(spec, seed));
  const run = train({
    trainable,
    batch: ({ position }) => {
      const { pictures, maps } = views.read(places(position), position % 2 === 1);
      return { pixels: pixelsOf(pictures, batch), maps: tf.tensor3d(maps, [batch, CELLS, COMPONENTS]) };
    },
    loss: ({ trainable, step, batch: { pixels, maps } }) =>
      distillLoss(predict(unflatten(spec, trainable), studentConfig, pixels), maps, step >= CYCLE),
    optimiser: adamw({ betas: [0.9, 0.98], weightDecay: 0.05 }),
    schedule: cycles(steps),
    steps,
    seed,
    clip: 1,
    logEvery: 20,
    checkpoint: { dir: join(work, 'student'), every: 250 },
    resume: true,
  });
  for await (const step of run) onStep(step);
  views.close();
  await writeStudent(folder, unflatten(spec, trainable));
}

/** The steps of the first cycle; what is left is the second, which also contrasts. */
const CYCLE = 900;

/** Two cosines, each with its warm-up (warm restarts, Loshchilov and Hutter 2017). */
function cycles(steps: number): Schedule {
  const cycle = (length: number, peak: number) =>
    cosineLr({ peak, min: peak / 100, warmupSteps: Math.min(200, length >> 3), steps: length });
  const [first, second] = [cycle(CYCLE, 1.5e-3), cycle(Math.max(1, steps - CYCLE), 1e-3)];
  return (step) => (step < CYCLE ? first(step) : second(step - CYCLE));
}

/** The student's folder. Neither its last norm nor the heads go along: a Q-Former looks at what is before them. */
export async function writeStudent(folder: string, { vit }: DistillParams): Promise<void> {
  const frozen = Object.fromEntries(Object.entries(flatten(vit)).filter(([path]) => !path.includes('post_layernorm')));
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
export function pixelsOf(pictures: Uint8Array, batch: number): tf.Tensor4D {
  const values = new Float32Array(pictures.length);
  for (let i = 0; i < values.length; i++) values[i] = pictures[i]! / 127.5 - 1;
  return tf.tensor4d(values, [batch, STUDENT_SIZE, STUDENT_SIZE, 3]);
}
