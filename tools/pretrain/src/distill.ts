import {
  crossEntropy,
  type LossTerms,
  l2Normalize,
  linear,
  linearSpec,
  type Params,
  param,
  zeros,
} from '@blip2/tensor';
import { type VitConfig, vitForward, vitSpec } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { NONE } from './identities.js';
import { CELLS, COMPONENTS } from './teach.js';

/** The student, and the heads that are thrown away afterwards. */
export const distillSpec = (config: VitConfig, emoji: number) => ({
  vit: vitSpec(config, { finalNorm: true }),
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
export function distillLoss(p: DistillParams, config: VitConfig, { pixels, maps, shares, labels }: Lesson): LossTerms {
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
