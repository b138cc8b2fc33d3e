import type { Flat, LossTerms } from '@blip2/tensor';
import type { CheckpointFiles } from './checkpoint/files.js';
import type { Communicator } from './communicator.js';
import type { GradCacheLoss } from './grad-cache.js';
import type { Optimizer } from './optimizer.js';
import type { LossInput, Position } from './position.js';
import type { Schedule } from './schedules.js';

/** Where and how often checkpoints are written. */
export interface CheckpointOptions {
  /** Folder of the checkpoints: a path or a `file:` URL. */
  readonly dir: string | URL;
  /** Steps between checkpoints; one is also written after the last step. */
  readonly every: number;
  /** Number of checkpoints to keep. Default 2. */
  readonly keep?: number;
  /** Storage of the checkpoints. Default: the file system of Node. */
  readonly files?: CheckpointFiles;
}

/** The values of loss terms, by name. */
export type Losses = { readonly total: number; readonly [name: string]: number };

/** The numbers that loss terms of the type `T` have: the same names, `number` in place of `tf.Scalar`. */
export type LossValues<T> = { readonly [Name in keyof T]: number };

/** Options of `train`; `B` is the type of a batch, `T` that of the loss terms. */
export interface TrainOptions<B, T extends LossTerms = LossTerms> {
  /**
   * Tensors to train, by path. The record stays the caller's and always has the current tensors, also after a `break` or an
   * error: each step replaces and frees the previous ones.
   */
  readonly trainable: Flat;
  /** Creates the batch of a position, of which it must be a pure function; its tensors are freed after use. */
  readonly batch: (at: Position) => B | Promise<B>;
  /**
   * Computes named scalars, of which `total` is minimized; synchronous. The batch must not be disposed of. A `GradCacheLoss`
   * compares the examples of all `accumulationSteps` batches of an update.
   */
  readonly loss: ((input: LossInput<B>) => T) | GradCacheLoss<B, unknown, T>;
  readonly optimizer: Optimizer;
  /** The learning rate by step. */
  readonly schedule: Schedule;
  /** Total number of updates, including those before a resume. */
  readonly steps: number;
  /** Random seed of the run. */
  readonly seed: number;
  /** Batches per update, whose gradients are averaged, or of a `GradCacheLoss` those of one large batch. Default 1. */
  readonly accumulationSteps?: number;
  /** Largest global norm of the gradients, to which they are clipped. Default: no clipping, as in LAVIS. */
  readonly maxGradNorm?: number;
  /** Steps between results, for which losses are read from the device; the last step always has one. Default 1. */
  readonly logEvery?: number;
  /** Steps after which losses and gradients are checked for NaN and infinity at the latest; always before a checkpoint. Default 20. */
  readonly checkFiniteEvery?: number;
  /** Stops the run, which then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where checkpoints are written. Default: none are. */
  readonly checkpoint?: CheckpointOptions;
  /** Continue from the newest checkpoint, if there is one. Default false. */
  readonly resume?: boolean;
  /**
   * The processes that train together. Each has its own share of every batch, all shares of equally many examples; process 0
   * alone writes checkpoints, and gives the others its tensors at the beginning. Loss terms and gradients are the means of
   * those of the shares, or of a `GradCacheLoss` the sums. Default: this one alone.
   */
  readonly communicator?: Communicator;
  /**
   * What a `GradCacheLoss` compares with each other: the examples of all batches of an update, or those of each batch, as far
   * as several processes have shares of it. Default `update`.
   */
  readonly compare?: 'update' | 'batch';
  /** Settings that a resumed run must share, such as a hash of the config; backend and TensorFlow.js version are added. */
  readonly environment?: Readonly<Record<string, number | string>>;
}

/** The result of a training step; `L` is the type of its losses. */
export interface TrainStep<L extends Readonly<Record<string, number | undefined>> = Losses> {
  /** Number of updates so far. */
  readonly step: number;
  /** Loss terms, averaged over the batches of this update. */
  readonly losses: L;
  /** Learning rate of this update. */
  readonly lr: number;
  /** Global norm of the gradients, before clipping. */
  readonly gradNorm: number;
  /** Time since the last result, without that of the consumer. */
  readonly seconds: number;
}

/** Checks the options of `train`. @throws for the first invalid one */
export function checkOptions<B, T extends LossTerms>(options: TrainOptions<B, T>): void {
  const {
    steps,
    accumulationSteps = 1,
    logEvery = 1,
    checkFiniteEvery = 20,
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
    checkFiniteEvery,
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
  const [wrong] = Object.entries(trainable).filter(([, tensor]) => tensor.dtype !== 'float32');
  if (wrong) throw new Error(`The trainable tensor '${wrong[0]}' is ${wrong[1].dtype}; only float32 can be trained.`);
  const paths = new Map<number, string>();
  for (const [path, { id }] of Object.entries(trainable)) {
    const other = paths.get(id);
    if (other) throw new Error(`'${other}' and '${path}' are one tied tensor; keep one of the two in 'trainable'.`);
    paths.set(id, path);
  }
  if (options.compare === 'batch' && typeof options.loss === 'function')
    throw new Error(`'compare' is for a GradCacheLoss; leave it out with a function.`);
  if (Object.keys(trainable).length === 0) throw new Error(`There is nothing to train: 'trainable' is empty.`);
}
