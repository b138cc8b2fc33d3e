import { type Flat, flatten, mapTree, matchesPath, partition, type Rule, type Tree } from '@blip2/tensor';
import { layerwiseLrDecay } from '@blip2/trainer';
import type { TrainableVisionEncoder, VisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import type { Parts } from './compose.js';

/** Which parameters a stage trains, and how fast. */
export interface ParameterOptions {
  /**
   * Which parameters are trained, by path; the first rule that matches decides. The image encoder's paths begin with
   * `vision_model.`. Default, and after all rules: the image encoder is frozen, and everything else is trained.
   */
  readonly parameters?: readonly Rule[];
  /**
   * Layer-wise decay of the image encoder's learning rate (BEiT, Bao et al. 2021): the factor from each layer to the one
   * below. Default 1.
   */
  readonly layerDecay?: number;
  /** Factors of the learning rate by path, of which the first whose pattern matches counts. Default: 1 for all. */
  readonly rateScales?: readonly (readonly [pattern: string | RegExp, factor: number])[];
}

/** The prefix of the image encoder's paths, as in checkpoints. */
const VISION = 'vision_model.';

/** The layer norm of that prefix that belongs to the stages. */
const NORM = 'vision_model.post_layernorm.';

/** The tensors of a stage. */
export interface StageTensors {
  /** Those that are trained, in a record for `train`. */
  readonly trainable: Flat;
  /** All others. */
  readonly frozen: Flat;
  /** Writes what has been trained to the parts. */
  write(): void;
}

/**
 * Chooses what a stage trains. Parameters of the image encoder that are to be trained are copied to `parts.encoder`.
 * @param own the stage's records, which are written to
 * @throws for a rule that matches nothing, and for an image encoder that is to be trained and cannot be
 */
export function stageTensors(
  { vision, encoder }: Pick<Parts, 'vision' | 'encoder'>,
  own: readonly Flat[],
  { parameters = [] }: ParameterOptions,
): StageTensors {
  const base = isTrainable(vision) ? visionPaths(vision.params) : {};
  const all: Flat = { ...base, ...encoder };
  for (const record of own) Object.assign(all, record);
  expectTrainable(vision, parameters);
  for (const [pattern] of parameters) {
    if (Object.keys(all).some((path) => matchesPath(pattern, path))) continue;
    throw new Error(`The rule '${pattern}' matches no parameter; the paths are those of the trained model's tensors.`);
  }
  const { trainable, frozen } = partition(all, [...parameters, ...defaults]);
  for (const path of Object.keys(trainable)) {
    if (!(path in base)) continue;
    encoder[path] ??= tf.keep(tf.mul(base[path] as tf.Tensor, 1)); // an optimizer may write in place
    trainable[path] = encoder[path] as tf.Tensor;
  }
  const write = (): void => {
    for (const record of [...own, encoder]) {
      for (const path of Object.keys(record)) record[path] = trainable[path] ?? (record[path] as tf.Tensor);
    }
  };
  return { trainable, frozen, write };
}

const defaults: readonly Rule[] = [
  [NORM, 'trainable'],
  [VISION, 'frozen'],
  ['', 'trainable'],
];

const isTrainable = (vision: VisionEncoder): vision is VisionEncoder & TrainableVisionEncoder =>
  'params' in vision && 'forward' in vision;

function visionPaths(params: Tree): Flat {
  const flat: Flat = {};
  for (const [path, tensor] of Object.entries(flatten(params))) {
    if (!`${VISION}${path}`.startsWith(NORM)) flat[VISION + path] = tensor;
  }
  return flat;
}

/** @throws for a rule that would train an image encoder without parameters */
function expectTrainable(vision: VisionEncoder, rules: readonly Rule[]): void {
  if (isTrainable(vision)) return;
  const wanted = rules.some(([pattern, status]) => {
    const names = `${pattern}.`;
    return status === 'trainable' && names.startsWith(VISION) && !names.startsWith(NORM);
  });
  if (!wanted) return;
  throw new Error(
    'The image encoder cannot be trained, because it has no params and forward; give a TrainableVisionEncoder.',
  );
}

/** Encodes pixels [B,H,W,3] by the image encoder with tensors in place of its own: [B,N,D], differentiable. */
export function encodeTrained(
  vision: VisionEncoder,
  tensors: Flat,
  pixels: tf.Tensor4D,
  options: { readonly seed?: number } = {},
): tf.Tensor3D {
  if (!isTrainable(vision)) {
    throw new Error(
      'A batch of pixels needs an image encoder with params and forward; give a TrainableVisionEncoder, or features.',
    );
  }
  const paths = Object.keys(flatten(vision.params))[Symbol.iterator]();
  const params = mapTree(vision.params, (tensor) => tensors[VISION + (paths.next().value as string)] ?? tensor);
  return vision.forward(params, pixels, options.seed === undefined ? {} : { training: true, seed: options.seed });
}

/**
 * Gives the image encoder with what has been trained of it: that of the parts where nothing has. It borrows its tensors, and
 * is valid until training goes on.
 */
export function trainedVision<V extends VisionEncoder>(parts: {
  readonly vision: V;
  readonly encoder: Flat;
}): VisionEncoder & Omit<V, 'dispose'> {
  const { vision, encoder } = parts;
  if (Object.keys(encoder).length === 0) return vision;
  const encode = (pixels: tf.Tensor4D): tf.Tensor3D => encodeTrained(vision, encoder, pixels);
  return { ...vision, encode, dispose: () => {} };
}

/**
 * Gives the factor of the learning rate by path; undefined where all are 1.
 * @param paths those that are trained
 */
export function lrScaleOf(
  { layerDecay = 1, rateScales = [] }: ParameterOptions,
  paths: readonly string[],
): ((path: string) => number) | undefined {
  if (layerDecay === 1 && rateScales.length === 0) return undefined;
  const blocks = Math.max(0, ...paths.map((path) => layerOf(path) ?? 0));
  const byLayer = layerwiseLrDecay({ decay: layerDecay, blocks, layerOf });
  const name = JSON.stringify({
    layerDecay,
    rateScales: rateScales.map(([pattern, factor]) => [`${pattern}`, factor]),
  });
  const scale = (path: string): number =>
    byLayer(path) * (rateScales.find(([pattern]) => matchesPath(pattern, path))?.[1] ?? 1);
  return Object.defineProperty(scale, 'name', { value: name }); // what a checkpoint keeps of it
}

/** 0 for the image encoder's parameters outside its layers, k + 1 for layer k, by the first number in a path. */
function layerOf(path: string): number | undefined {
  if (!path.startsWith(VISION) || path.startsWith(NORM)) return undefined;
  const number = path.split('.').find((name) => /^\d+$/.test(name));
  return number === undefined ? 0 : Number(number) + 1;
}
