import { dispose, type LossTerms } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { nodeFiles } from './checkpoint/files.js';
import { type FoundCheckpoint, latestCheckpoint } from './checkpoint/find.js';
import { loadCheckpoint } from './checkpoint/load.js';
import { reason } from './checkpoint/node.js';
import type { RunIdentity } from './checkpoint/state.js';
import type { OptimizerState } from './optimizer.js';
import type { CheckpointOptions, TrainOptions } from './options.js';

export interface Run {
  /** Updates made. */
  step: number;
  state: OptimizerState;
}

/**
 * The state that a run begins with: new, or that of the newest checkpoint, whose tensors then replace the trainable ones.
 * @throws when the folder holds another run's checkpoints
 */
export async function begin<B, T extends LossTerms>(options: TrainOptions<B, T>): Promise<Run> {
  const { trainable, optimizer, checkpoint, resume = false } = options;
  const found = checkpoint && (await openFolder(checkpoint));
  if (found && !resume) {
    throw new Error(
      `${checkpoint.dir} holds a run of ${found.step} steps already; resume it or choose another folder.`,
    );
  }
  const state = optimizer.init(trainable);
  if (!found) return { step: 0, state };
  try {
    const expected = { trainable, optimizer: state, identity: (step: number) => identity(options, step) };
    const loaded = await loadCheckpoint(found, expected, checkpoint.files);
    dispose(trainable);
    Object.assign(trainable, loaded.trainable);
    return { step: loaded.step, state: loaded.optimizer };
  } finally {
    disposeState(state);
  }
}

/** Makes the folder now, so that a run does not learn at its first checkpoint that it cannot write. */
async function openFolder({ dir, files = nodeFiles }: CheckpointOptions): Promise<FoundCheckpoint | undefined> {
  try {
    await files.makeFolder(dir);
    return await latestCheckpoint(dir, files);
  } catch (cause) {
    throw new Error(`The checkpoint folder ${dir} cannot be used: ${reason(cause)}.`, { cause });
  }
}

/** What a checkpoint after `step` updates says of the run. */
export function identity<B, T extends LossTerms>(options: TrainOptions<B, T>, step: number): RunIdentity {
  const { seed, accumulationSteps = 1, maxGradNorm = null, schedule, optimizer, environment = {} } = options;
  return {
    seed,
    accumulationSteps,
    maxGradNorm,
    nextLr: schedule(step),
    optimizer: optimizer.settings,
    environment: { backend: tf.getBackend(), tfjs: tf.version.tfjs, ...environment },
  };
}

export function disposeState({ m, v }: OptimizerState): void {
  dispose(m);
  dispose(v);
}
