import type { Flat, LossTerms } from '@blip2/tensor';
import type { CheckpointFiles } from './checkpoint/files.js';
import type { Optimizer } from './optimizer.js';
import type { Schedule } from './schedules.js';

/** Where a run stands. Data and randomness are functions of it, so that a resumed run repeats what was lost. */
export interface Position {
  /** The update that is being made, from 0. */
  readonly step: number;
  /** The batch, from 0: `step * accumulationSteps` and what follows. */
  readonly position: number;
  /** Another one for each position: for dropout, negatives and random crops. */
  readonly seed: number;
}

export interface LossInput<B> extends Position {
  /** The tensors of this moment. An update may replace them, so take them from here and keep none. */
  readonly trainable: Flat;
  readonly batch: B;
}

export interface CheckpointOptions {
  readonly dir: string;
  /** A checkpoint is written after so many steps, and after the last. */
  readonly every: number;
  /** How many stay. Default 2. */
  readonly keep?: number;
  /** Default: the disk through Node. */
  readonly files?: CheckpointFiles;
}

/** The values of loss terms, by name. */
export type Losses = { readonly total: number; readonly [name: string]: number };

/** The numbers that loss terms of the type `T` have: the same names, `number` in place of `tf.Scalar`. */
export type LossValues<T> = { readonly [Name in keyof T]: number };

/** What `train` needs; `B` is the type of a batch, `T` that of the loss terms. */
export interface TrainOptions<B, T extends LossTerms = LossTerms> {
  /**
   * Tensors by path. The record stays the caller's and always holds the living tensors, after a `break` or an error too:
   * every step puts its new ones in place of the old ones, which it frees.
   */
  readonly trainable: Flat;
  /** Makes a batch. A pure function of the position. Its tensors are freed after use. */
  readonly batch: (at: Position) => B | Promise<B>;
  /** Named scalars, differentiated by `total`. Must not wait for data. Borrows the batch. */
  readonly loss: (input: LossInput<B>) => T;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  /** Updates in all, those before a resume included. */
  readonly steps: number;
  readonly seed: number;
  /** Batches per update; their mean is descended. Default 1. */
  readonly accumulationSteps?: number;
  /** The largest global norm of the gradients. Default: not clipped, as in the recipes. */
  readonly maxGradNorm?: number;
  /** A result is given, and numbers are read back, every so many steps and after the last. Default 1. */
  readonly logEvery?: number;
  /** Losses and gradients are looked through at least every so many steps, always before a checkpoint. Default 20. */
  readonly guardEvery?: number;
  readonly signal?: AbortSignal;
  readonly checkpoint?: CheckpointOptions;
  /** Continue from the newest checkpoint; from the beginning where there is none yet. */
  readonly resume?: boolean;
  /** What a resumed run must have in common, such as threads, wasm module, hash of the config. Backend and tfjs are added. */
  readonly environment?: Readonly<Record<string, number | string>>;
}

/** The result of a training step; `L` is the type of its losses. */
export interface TrainStep<L extends Readonly<Record<string, number | undefined>> = Losses> {
  /** Updates made, this one included. */
  readonly step: number;
  /** Means over the batches of this update, before it. */
  readonly losses: L;
  readonly lr: number;
  /** Global norm of the gradients, before clipping. */
  readonly gradNorm: number;
  /** Time since the last result, the consumer's own not counted. */
  readonly seconds: number;
}

/** @throws one sentence for the first number that makes no sense. */
export function checkOptions<B, T extends LossTerms>(options: TrainOptions<B, T>): void {
  const {
    steps,
    accumulationSteps = 1,
    logEvery = 1,
    guardEvery = 20,
    maxGradNorm,
    checkpoint,
    seed,
    trainable,
    resume,
  } = options;
  const counts = {
    steps,
    accumulationSteps,
    logEvery,
    guardEvery,
    ...(checkpoint ? { 'checkpoint.every': checkpoint.every } : {}),
  };
  for (const [name, value] of Object.entries(counts)) {
    if (!(Number.isInteger(value) && value >= 1))
      throw new Error(`'${name}' must be a whole number from 1, not ${value}.`);
  }
  if (!Number.isSafeInteger(seed)) throw new Error(`'seed' must be a whole number, not ${seed}.`);
  if (maxGradNorm !== undefined && !(maxGradNorm > 0))
    throw new Error(`'maxGradNorm' must be greater than 0, not ${maxGradNorm}.`);
  if (resume && !checkpoint) throw new Error(`'resume' needs 'checkpoint.dir', the folder to resume from.`);
  const [other] = Object.entries(trainable).filter(([, tensor]) => tensor.dtype !== 'float32');
  if (other) throw new Error(`The trainable tensor '${other[0]}' is ${other[1].dtype}; only float32 can be trained.`);
  const paths = new Map<number, string>();
  for (const [path, { id }] of Object.entries(trainable)) {
    const twin = paths.get(id);
    if (twin) throw new Error(`'${twin}' and '${path}' are one tied tensor; keep one of the two in 'trainable'.`);
    paths.set(id, path);
  }
  if (Object.keys(trainable).length === 0) throw new Error(`There is nothing to train: 'trainable' is empty.`);
}
