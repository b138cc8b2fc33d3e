import { dispose, hash, type LossTerms } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { accumulate, disposeGradients, type Gradients, lossAndGrads } from './accumulate.js';
import { saveCheckpoint } from './checkpoint/save.js';
import { type GradCacheLoss, gradCache } from './grad-cache.js';
import { clipFactor, squaredNorms } from './norm.js';
import { checkOptions, type LossValues, type TrainOptions, type TrainStep } from './options.js';
import { PendingScalars } from './pending-scalars.js';
import type { LossInput, Position } from './position.js';
import { releaseBatch } from './release.js';
import { disposeState, identity, type Run, startRun } from './start-run.js';

/**
 * Trains a flat tree of tensors, and yields a result every `logEvery` steps; a checkpoint is written after the result of its
 * step was consumed. A step reads nothing back from the device; results, checks for NaN and checkpoints do.
 *
 * A run may end early by `break`, by `signal` or by the end of the process; `resume` continues it bit for bit from the newest
 * checkpoint.
 *
 * @throws NonFiniteError for losses or gradients that are NaN or infinite; CheckpointMismatch when `resume` finds another
 * run's checkpoint; whatever `batch` and `loss` throw
 */
export async function* train<B, T extends LossTerms = LossTerms>(
  options: TrainOptions<B, T>,
): AsyncGenerator<TrainStep<LossValues<T>>, void, void> {
  checkOptions(options);
  const { steps, logEvery = 1, checkFiniteEvery = 20, checkpoint, trainable } = options;
  const run = await startRun(options);
  const scalars = new PendingScalars();
  try {
    let since = performance.now();
    while (run.step < steps) {
      const lr = await update(options, run, scalars);
      const last = run.step === steps;
      const due = (every: number): boolean => last || run.step % every === 0;
      const saves = checkpoint !== undefined && due(checkpoint.every);
      if (due(logEvery) || due(checkFiniteEvery) || saves) {
        const entry = await scalars.read();
        if (due(logEvery) && entry) {
          const losses = entry.losses as LossValues<T>;
          yield { ...entry, losses, lr, seconds: (performance.now() - since) / 1000 };
          since = performance.now();
        }
      }
      if (saves) {
        const content = { step: run.step, trainable, optimizer: run.state, identity: identity(options, run.step) };
        await saveCheckpoint(checkpoint.dir, content, checkpoint);
      }
    }
  } finally {
    scalars.dispose();
    disposeState(run.state);
  }
}

/** Makes one update and returns its learning rate. */
async function update<B, T extends LossTerms>(
  options: TrainOptions<B, T>,
  run: Run,
  scalars: PendingScalars,
): Promise<number> {
  const { trainable, optimizer, schedule, maxGradNorm, accumulationSteps: batches = 1 } = options;
  const lr = schedule(run.step);
  if (!Number.isFinite(lr)) throw new Error(`The schedule gives ${lr} as the learning rate of step ${run.step}.`);
  const { loss } = options;
  const { terms, grads } = await (typeof loss === 'function'
    ? gradients(options, loss, run.step)
    : cachedGradients(options, loss, run.step));
  const gradScale = typeof loss === 'function' ? 1 / batches : 1;
  const squares = squaredNorms(grads);
  scalars.add({ step: run.step + 1, terms, squares, paths: Object.keys(grads), gradScale });
  const factor = maxGradNorm === undefined ? undefined : clipFactor(grads, { max: maxGradNorm, gradScale, squares });
  const updated = optimizer.update(trainable, grads, run.state, { lr, gradScale, factor });
  Object.assign(trainable, updated.trainable);
  run.state = updated.state;
  run.step++;
  tf.dispose([squares, ...(factor ? [factor] : []), ...Object.values(terms)]);
  dispose(grads);
  return lr;
}

/** Computes loss terms and gradients of one update, summed over its batches. */
async function gradients<B, T extends LossTerms>(
  options: TrainOptions<B, T>,
  loss: (input: LossInput<B>) => T,
  step: number,
): Promise<Gradients> {
  const { trainable, batch: makeBatch, signal } = options;
  let sum: Gradients | undefined;
  try {
    for (const at of positions(options, step)) {
      signal?.throwIfAborted();
      const batch = await makeBatch(at);
      try {
        sum = accumulate(
          sum,
          lossAndGrads(() => loss({ ...at, trainable, batch }), trainable),
        );
      } finally {
        releaseBatch(batch);
      }
    }
    return sum as Gradients;
  } catch (error) {
    if (sum) disposeGradients(sum);
    throw error;
  }
}

/** Computes loss terms and gradients of one update whose batches are compared with each other. */
async function cachedGradients<B, T extends LossTerms>(
  options: TrainOptions<B, T>,
  loss: GradCacheLoss<B, unknown, T>,
  step: number,
): Promise<Gradients> {
  const { trainable, batch: makeBatch, signal } = options;
  const inputs: (Position & { readonly batch: B })[] = [];
  try {
    for (const at of positions(options, step)) {
      signal?.throwIfAborted();
      inputs.push({ ...at, batch: await makeBatch(at) });
    }
    return await gradCache(loss, { trainable, inputs });
  } finally {
    for (const { batch } of inputs) releaseBatch(batch);
  }
}

/** The positions of the batches of an update. */
function positions<B, T extends LossTerms>(options: TrainOptions<B, T>, step: number): Position[] {
  const { seed, accumulationSteps: batches = 1 } = options;
  return Array.from({ length: batches }, (_, i) => {
    const position = step * batches + i;
    return { step, position, seed: hash(seed, `position ${position}`) };
  });
}
