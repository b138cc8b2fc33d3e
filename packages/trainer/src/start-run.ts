import { dispose, type LossTerms } from '@blip2/tensor';
import { toPath } from '@blip2/tensor/files';
import * as tf from '@tensorflow/tfjs';
import { broadcastAll } from './bucket-reducer.js';
import { reason } from './checkpoint/disk.js';
import { nodeFiles } from './checkpoint/files.js';
import { type FoundCheckpoint, latestCheckpoint, listCheckpoints } from './checkpoint/find.js';
import { CheckpointMismatch, type ExpectedCheckpoint, loadCheckpoint } from './checkpoint/load.js';
import type { RunIdentity } from './checkpoint/state.js';
import { singleProcess } from './communicator.js';
import { onFirst } from './exchange.js';
import type { OptimizerState } from './optimizer.js';
import type { CheckpointOptions, TrainOptions } from './options.js';

/** The progress of a run. */
export interface Run {
  /** Number of updates so far. */
  step: number;
  state: OptimizerState;
}

/**
 * Starts a run: process 0 by `openRun`, and the others with its tensors.
 * @throws as `openRun` does
 */
export async function startRun<B, T extends LossTerms>(options: TrainOptions<B, T>): Promise<Run> {
  const { communicator = singleProcess, trainable, optimizer } = options;
  if (communicator.size === 1) return openRun(options);
  const first = communicator.rank === 0;
  const run = first ? await openRun(options) : { step: 0, state: optimizer.init(trainable) };
  try {
    const { step, updates } = await onFirst(communicator, async () => ({ step: run.step, updates: run.state.updates }));
    Object.assign(trainable, await broadcastAll(communicator, { ...trainable }));
    const m = await broadcastAll(communicator, run.state.m);
    const v = await broadcastAll(communicator, run.state.v);
    return { step, state: { m, v, updates } };
  } catch (error) {
    disposeState(run.state);
    throw error;
  }
}

/**
 * Creates the state of a new run, or loads that of the newest checkpoint, whose tensors then replace the trainable ones.
 * @throws when the folder has checkpoints although `resume` is not set, and for those of another run
 */
async function openRun<B, T extends LossTerms>(options: TrainOptions<B, T>): Promise<Run> {
  const { trainable, optimizer, checkpoint, resume = false } = options;
  const found = checkpoint && (await openFolder(checkpoint));
  if (found && !resume) {
    throw new Error(
      `${checkpoint.dir} already has a checkpoint of step ${found.step}; set 'resume' or choose another folder.`,
    );
  }
  const state = optimizer.init(trainable);
  if (!found) return { step: 0, state };
  try {
    const expected = { trainable, optimizer: state, identity: (step: number) => identity(options, step) };
    const loaded = await loadCheckpoint(found, expected, checkpoint.files).catch(async (error: unknown) => {
      throw error instanceof CheckpointMismatch ? error : await withOlder(error, { found, expected, checkpoint });
    });
    dispose(trainable);
    Object.assign(trainable, loaded.trainable);
    return { step: loaded.step, state: loaded.optimizer };
  } finally {
    disposeState(state);
  }
}

interface Unreadable {
  readonly found: FoundCheckpoint;
  readonly expected: ExpectedCheckpoint;
  readonly checkpoint: CheckpointOptions;
}

/** The error of a checkpoint that cannot be read, with the step of the newest older one that the run can resume from. */
async function withOlder(error: unknown, { found, expected, checkpoint }: Unreadable): Promise<unknown> {
  const older = (await listCheckpoints(checkpoint.dir, checkpoint.files)).filter(({ step }) => step < found.step);
  for (const candidate of older.reverse()) {
    const loaded = await loadCheckpoint(candidate, expected, checkpoint.files).catch(() => undefined);
    if (!loaded) continue;
    dispose(loaded.trainable);
    disposeState(loaded.optimizer);
    return new Error(
      `The checkpoint of step ${found.step} cannot be read, but that of step ${candidate.step} is complete; remove ${found.path} to resume from step ${candidate.step}. (${reason(error)})`,
      { cause: error },
    );
  }
  return error;
}

/** Creates the folder before the first step, so that a folder which cannot be written to is reported at once. */
async function openFolder({ dir, files = nodeFiles }: CheckpointOptions): Promise<FoundCheckpoint | undefined> {
  try {
    await files.makeFolder(toPath(dir));
    return await latestCheckpoint(dir, files);
  } catch (cause) {
    throw new Error(`The checkpoint folder ${dir} cannot be used: ${reason(cause)}.`, { cause });
  }
}

/** The settings that a checkpoint after `step` updates records. */
export function identity<B, T extends LossTerms>(options: TrainOptions<B, T>, step: number): RunIdentity {
  const { seed, accumulationSteps = 1, maxGradNorm = null, schedule, optimizer, environment = {} } = options;
  const { size } = options.communicator ?? singleProcess;
  return {
    ...(size > 1 && { processes: size }),
    seed,
    accumulationSteps,
    maxGradNorm,
    nextLr: schedule(step),
    optimizer: optimizer.settings,
    environment: { backend: tf.getBackend(), tfjs: tf.version.tfjs, ...environment },
  };
}

/** Frees the tensors of an optimizer's state. */
export function disposeState({ m, v }: OptimizerState): void {
  dispose(m);
  dispose(v);
}
