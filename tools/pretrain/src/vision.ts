import { join } from 'node:path';
import { type Flat, flatten, initialize, l2Normalize, unflatten } from '@blip2/tensor';
import { adamw, cosineLr, latestCheckpoint, sampler, type TrainStep, train } from '@blip2/trainer';
import { vitForward } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { type DistillParams, distillLoss, distillSpec, type Sample } from './distill.js';
import { type DrawingsFile, openDrawings } from './drawings-file.js';
import { takeOver } from './folder.js';
import { MOST, paintIdentities, sameEmoji } from './identities.js';
import { pixelsOf, studentConfig, writeStudent } from './student.js';
import { allDrawings, CELLS, COMPONENTS } from './teach.js';
import { openViews } from './views-file.js';

export interface VisionOptions {
  /** Where the teacher's maps are and the checkpoints go. */
  work: string;
  /** Where the Hugging Face folder goes. */
  folder: string;
  steps: number;
  /** Images a step: one in five the teacher's, the others with known emoji. */
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
  const trainable: Flat = flatten(initialize(spec, seed));
  if (from) await takeOver(trainable, from, 'vit.');
  if (!(await latestCheckpoint(checkpoints)))
    await beginIdentities(trainable, unflatten(spec, trainable), { classes, file });
  const run = train({
    trainable,
    batch: ({ position, seed }): Sample => {
      const taught = views.read(places(position));
      const known = paintIdentities(classes, file, { batch: knownCount, seed });
      return {
        pixels: pixelsOf([taught.images, known.images], batch),
        maps: tf.tensor3d(taught.maps, [taughtCount, CELLS, COMPONENTS]),
        shares: tf.tensor3d(known.shares, [knownCount, MOST, CELLS]),
        labels: tf.tensor1d(known.labels, 'int32'),
      };
    },
    loss: ({ trainable, batch }) => distillLoss(unflatten(spec, trainable), studentConfig, batch),
    optimizer: adamw({ betas: [0.9, 0.98], weightDecay: 0.05 }),
    schedule: cosineLr({ learningRate: 1e-3, minLearningRate: 1e-5, warmupSteps: 60, steps }),
    steps,
    seed,
    maxGradNorm: 1,
    logEvery: 20,
    checkpoint: { dir: checkpoints, every: 250 },
    resume: true,
  });
  for await (const step of run) onStep(step);
  views.close();
  file.close();
  await writeStudent(folder, unflatten(spec, trainable).vit);
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
    const images = shown.slice(start, start + 64).map(({ drawing }) => onWhite(file.read(drawing)));
    seen.push(
      tf.tidy(() => {
        const tokens = vitForward(p.vit, studentConfig, pixelsOf(images, images.length), { finalNorm: true });
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
