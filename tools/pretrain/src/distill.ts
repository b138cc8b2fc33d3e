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
  param,
  unflatten,
  zeros,
} from '@blip2/tensor';
import { adamw, cosineLr, latestCheckpoint, sampler, type TrainStep, train } from '@blip2/trainer';
import { type VisionConfig, visionSpec, vitForward } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { type DrawingsFile, openDrawings } from './drawings-file.js';
import { takeOver, writeFolder } from './folder.js';
import { MOST, NONE, paintIdentities, sameEmoji } from './identities.js';
import { allDrawings, CELLS, COMPONENTS, STUDENT_SIZE } from './teach.js';
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

/** The student, and the heads that are thrown away afterwards. */
export const distillSpec = (config: VisionConfig, emoji: number) => ({
  vit: visionSpec(config, { finalNorm: true }),
  cells: linearSpec(config.hiddenSize, COMPONENTS),
  whole: linearSpec(config.hiddenSize, COMPONENTS),
  identity: linearSpec(config.hiddenSize, config.hiddenSize),
  emoji: param([emoji, config.hiddenSize], zeros),
});
export type DistillParams = Params<ReturnType<typeof distillSpec>>;

/** What the teacher saw of some pictures, [B,49,C]; and pictures of which it is known which emoji stand where. */
export interface Lesson {
  /** [B,S,S,3] in -1 to 1: first those of `maps`, then those of `shares` and `labels`. */
  readonly pixels: tf.Tensor4D;
  readonly maps: tf.Tensor3D;
  /** [I,MOST,49] */
  readonly shares: tf.Tensor3D;
  /** int32 [I·MOST] */
  readonly labels: tf.Tensor1D;
}

/** Both lessons in one pass of the student. */
export function distillLoss(
  p: DistillParams,
  config: VisionConfig,
  { pixels, maps, shares, labels }: Lesson,
): LossTerms {
  const tokens = vitForward(p.vit, config, pixels, { finalNorm: true }); // [B,50,D]
  const taught = maps.shape[0];
  const known = shares.shape[0];
  const D = config.hiddenSize;
  const first = tf.reshape(tf.slice(tokens, [0, 0, 0], [taught, 1, D]), [taught, D]);
  const cells = tf.slice(tokens, [0, 1, 0], [taught, CELLS, D]);
  const seen = tf.slice(tokens, [taught, 1, 0], [known, CELLS, D]);
  const terms = {
    ...likeTeacher(
      { cells: linear(p.cells, cells) as tf.Tensor3D, whole: linear(p.whole, first) as tf.Tensor2D },
      maps,
    ),
    identity: sameEmojiLoss(p, tf.matMul(shares, seen), labels),
  };
  return { total: tf.addN(Object.values(terms)) as tf.Scalar, ...terms };
}

/**
 * Squared error of each cell, and of the class token against the mean of the cells; and the means must be told apart
 * within the batch: each student's mean is to find its own teacher's among all (InfoNCE, van den Oord 2018).
 */
function likeTeacher({ cells, whole }: { cells: tf.Tensor3D; whole: tf.Tensor2D }, maps: tf.Tensor3D) {
  const mean = tf.mean(maps, 1) as tf.Tensor2D; // [B,C]
  const cell = tf.mean(tf.squaredDifference(cells, maps)) as tf.Scalar;
  const token = tf.mean(tf.squaredDifference(whole, mean)) as tf.Scalar;
  const angle = tf.mul(0.5, tf.add(tellApart(tf.mean(cells, 1), mean), tellApart(whole, mean))) as tf.Scalar;
  return { cell, token, angle };
}

/** The drawings of one emoji gather around one vector, away from those of the others (ProxyNCA, Movshovitz-Attias 2017). */
function sameEmojiLoss(p: DistillParams, objects: tf.Tensor3D, labels: tf.Tensor1D): tf.Scalar {
  const [I, M, D] = objects.shape;
  const points = unit(linear(p.identity, tf.reshape(objects, [I * M, D]))); // [IM,E]
  const logits = tf.mul(SHARPNESS, tf.matMul(points, unit(p.emoji), false, true)) as tf.Tensor2D; // [IM,emoji]
  const count = tf.sum(tf.cast(tf.notEqual(labels, NONE), 'float32'));
  return tf.div(tf.sum(crossEntropy(logits, labels, { smoothing: 0.1, ignore: NONE })), count) as tf.Scalar;
}

const SHARPNESS = 16;

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
  /** Pictures a step: one in five the teacher's, the others with known emoji. */
  batch: number;
  /** The folder of a student to go on from; its heads and last norm begin anew. Default: from random numbers. */
  from?: string | undefined;
  seed: number;
}

/** Trains the student and writes its folder. A run that was stopped goes on. */
export async function pretrainVision(options: VisionOptions, onStep: (step: TrainStep) => void): Promise<void> {
  const { work, folder, steps, batch, seed, from } = options;
  const taughtCount = Math.ceil(batch / 5);
  const knownCount = batch - taughtCount;
  const checkpoints = join(work, 'student');
  const drawings = allDrawings();
  const classes = sameEmoji(drawings);
  const file = await openDrawings(work, drawings);
  const views = openViews(work, 'train');
  const places = sampler({ count: views.length, batchSize: taughtCount, seed });
  const spec = distillSpec(studentConfig, classes.length);
  const trainable: Flat = flatten(initialise(spec, seed));
  if (from) await takeOver(trainable, from, 'vit.');
  if (!(await latestCheckpoint(checkpoints)))
    await beginIdentities(trainable, unflatten(spec, trainable), { classes, file });
  const run = train({
    trainable,
    batch: ({ position, seed }): Lesson => {
      const taught = views.read(places(position));
      const known = paintIdentities(classes, file, { batch: knownCount, seed });
      return {
        pixels: pixelsOf([taught.pictures, known.pictures], batch),
        maps: tf.tensor3d(taught.maps, [taughtCount, CELLS, COMPONENTS]),
        shares: tf.tensor3d(known.shares, [knownCount, MOST, CELLS]),
        labels: tf.tensor1d(known.labels, 'int32'),
      };
    },
    loss: ({ trainable, batch }) => distillLoss(unflatten(spec, trainable), studentConfig, batch),
    optimiser: adamw({ betas: [0.9, 0.98], weightDecay: 0.05 }),
    schedule: cosineLr({ peak: 1e-3, min: 1e-5, warmupSteps: 60, steps }),
    steps,
    seed,
    clip: 1,
    logEvery: 20,
    checkpoint: { dir: checkpoints, every: 250 },
    resume: true,
  });
  for await (const step of run) onStep(step);
  views.close();
  file.close();
  await writeStudent(folder, unflatten(spec, trainable));
}

/** Of each emoji, so many drawings say where its vector begins. */
const FIRST = 3;

/**
 * Begins the vectors of the emoji where the student sees their drawings, and the head so that what it sees of all has mean
 * 0 and deviation 1: what it can tell apart already is not learned anew.
 */
async function beginIdentities(
  trainable: Flat,
  p: DistillParams,
  { classes, file }: { classes: readonly number[][]; file: DrawingsFile },
): Promise<void> {
  const shown = classes.flatMap((same, label) => same.slice(0, FIRST).map((drawing) => ({ drawing, label })));
  const seen: tf.Tensor2D[] = [];
  for (let start = 0; start < shown.length; start += 64) {
    const pictures = shown.slice(start, start + 64).map(({ drawing }) => onWhite(file.read(drawing)));
    seen.push(
      tf.tidy(() => {
        const tokens = vitForward(p.vit, studentConfig, pixelsOf(pictures, pictures.length), { finalNorm: true });
        return tf.mean(tf.slice(tokens, [0, 1, 0], [-1, CELLS, -1]), 1) as tf.Tensor2D;
      }),
    );
  }
  const begun = tf.tidy(() => {
    const points = tf.concat(seen); // [shown,D]
    const { mean, variance } = tf.moments(points, 0);
    const scale = tf.rsqrt(tf.add(variance, 1e-6)); // [D]
    const normed = tf.mul(tf.sub(points, mean), scale) as tf.Tensor2D;
    const labels = tf.tensor1d(
      shown.map(({ label }) => label),
      'int32',
    );
    return {
      'identity.weight': tf.diag(scale as tf.Tensor1D),
      'identity.bias': tf.neg(tf.mul(mean, scale)),
      emoji: l2Normalize(tf.unsortedSegmentSum(l2Normalize(normed), labels, classes.length)),
    };
  });
  for (const [path, tensor] of Object.entries(begun)) {
    trainable[path]?.dispose();
    trainable[path] = tensor;
  }
  tf.dispose(seen);
}

/** [S,S,4] -> [S,S,3] */
function onWhite(drawing: Uint8Array): Uint8Array {
  const out = new Uint8Array((drawing.length / 4) * 3);
  for (let i = 0, o = 0; i < drawing.length; i += 4) {
    const alpha = (drawing[i + 3] as number) / 255;
    for (let c = 0; c < 3; c++) out[o++] = 255 + ((drawing[i + c] as number) - 255) * alpha + 0.5;
  }
  return out;
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
export function pixelsOf(parts: readonly Uint8Array[], batch: number): tf.Tensor4D {
  const values = new Float32Array(batch * STUDENT_SIZE * STUDENT_SIZE * 3);
  let to = 0;
  for (const bytes of parts) for (const byte of bytes) values[to++] = byte / 127.5 - 1;
  return tf.tensor4d(values, [batch, STUDENT_SIZE, STUDENT_SIZE, 3]);
}
