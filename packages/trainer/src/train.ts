import { dispose, hash, type LossTerms } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { accumulate, disposeGradients, type Gradients, lossAndGrads } from './accumulate.js';
import { BucketReducer } from './bucket-reducer.js';
import { saveCheckpoint } from './checkpoint/save.js';
import { singleProcess } from './communicator.js';
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
      if (saves && (options.communicator?.rank ?? 0) === 0) {
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
  const { loss, communicator = singleProcess, compare = 'update' } = options;
  const reducer = communicator.size === 1 ? undefined : new BucketReducer(communicator, trainable);
  const local = await (typeof loss === 'function'
    ? gradients(options, loss, { step: run.step, reducer })
    : cachedGradients(options, loss, { step: run.step, reducer }));
  const { terms, grads } = reducer ? await reducer.finish(local) : local;
  const means = typeof loss === 'function' ? communicator.size : 1;
  const gradScale = typeof loss === 'function' || compare === 'batch' ? 1 / (batches * means) : 1;
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

/** An update that is computed, and the reducer that sums its gradients as they become final. */
interface Update {
  readonly step: number;
  readonly reducer: BucketReducer | undefined;
}

/** Computes loss terms and gradients of one update, summed over its batches. */
async function gradients<B, T extends LossTerms>(
  options: TrainOptions<B, T>,
  loss: (input: LossInput<B>) => T,
  { step, reducer }: Update,
): Promise<Gradients> {
  const { trainable, batch: makeBatch, signal } = options;
  let sum: Gradients | undefined;
  try {
    const all = positions(options, step);
    for (const at of all) {
      signal?.throwIfAborted();
      const batch = await makeBatch(at);
      const before = sum?.grads ?? {};
      const report = (path: string, grad: tf.Tensor): void =>
        reducer?.add(path, [grad, ...(before[path] ? [before[path]] : [])]);
      try {
        sum = accumulate(
          sum,
          lossAndGrads(
            () => loss({ ...inRank(options, at), trainable, batch }),
            trainable,
            reducer && at === all.at(-1) ? report : undefined,
          ),
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

/** Computes loss terms and gradients of one update whose batches are compared with each other, or each within itself. */
async function cachedGradients<B, T extends LossTerms>(
  options: TrainOptions<B, T>,
  loss: GradCacheLoss<B, unknown, T>,
  { step, reducer }: Update,
): Promise<Gradients> {
  const { trainable, batch: makeBatch, signal, communicator = singleProcess, compare = 'update' } = options;
  const all = positions(options, step);
  const groups = compare === 'update' ? [all] : all.map((at) => [at]);
  let sum: Gradients | undefined;
  for (const group of groups) {
    const inputs: (Position & { readonly batch: B })[] = [];
    try {
      for (const at of group) {
        signal?.throwIfAborted();
        inputs.push({ ...inRank(options, at), batch: await makeBatch(at) });
      }
    } catch (error) {
      if (sum) disposeGradients(sum);
      for (const { batch } of inputs) releaseBatch(batch);
      throw error;
    }
    const onGradient =
      reducer && group === groups.at(-1)
        ? (path: string, parts: readonly tf.Tensor[]): void => reducer.add(path, parts)
        : undefined;
    const seed = group[0]?.seed as number;
    try {
      sum = await gradCache(loss, { trainable, inputs, seed, communicator, sum, onGradient });
    } finally {
      for (const { batch } of inputs) releaseBatch(batch);
    }
  }
  return sum as Gradients;
}

/** A position with the seed of this process' share: what is random within shares differs between them. */
function inRank<B, T extends LossTerms>({ communicator }: TrainOptions<B, T>, at: Position): Position {
  if (communicator === undefined || communicator.size === 1) return at;
  return { ...at, seed: hash(at.seed, `rank ${communicator.rank}`) };
}

/** The positions of the batches of an update. */
function positions<B, T extends LossTerms>(options: TrainOptions<B, T>, step: number): Position[] {
  const { seed, accumulationSteps: batches = 1 } = options;
  return Array.from({ length: batches }, (_, i) => {
    const position = step * batches + i;
    return { step, position, seed: hash(seed, `position ${position}`) };
  });
}
