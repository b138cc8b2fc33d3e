import { dispose, type Flat, type WeightSource } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { OptimizerState } from '../optimizer.js';
import { type CheckpointFiles, nodeFiles } from './files.js';
import { type FoundCheckpoint, OPTIMIZER, TRAINABLE } from './find.js';
import { moments } from './save.js';
import { differences, type RunIdentity, readState } from './state.js';

/** Thrown for a checkpoint that does not belong to the run that resumes. */
export class CheckpointMismatch extends Error {
  override readonly name = 'CheckpointMismatch';
  constructor(
    path: string,
    /** All differences, in words. */
    readonly differences: readonly string[],
  ) {
    const shown = differences.slice(0, 12).join('; ');
    const more = differences.length > 12 ? `; and ${differences.length - 12} more` : '';
    super(`${path} cannot be continued: ${shown}${more}. Use the same settings, or start a new run in another folder.`);
  }
}

/** What `loadCheckpoint` compares a checkpoint with. */
export interface ExpectedCheckpoint {
  /** Trainable tensors, of which only paths and shapes count. */
  readonly trainable: Flat;
  /** Optimizer state, of which only paths and shapes count. */
  readonly optimizer: OptimizerState;
  /** The settings of the run at a step, as the next learning rate depends on it. */
  readonly identity: (step: number) => RunIdentity;
}

/** A checkpoint that was loaded; the caller owns its tensors. */
export interface LoadedCheckpoint {
  readonly step: number;
  readonly trainable: Flat;
  readonly optimizer: OptimizerState;
}

/**
 * Loads a checkpoint into new tensors, which the caller owns.
 * @throws CheckpointMismatch with all differences in settings, paths and shapes, before any tensor is read
 */
export async function loadCheckpoint(
  found: FoundCheckpoint,
  expected: ExpectedCheckpoint,
  files: CheckpointFiles = nodeFiles,
): Promise<LoadedCheckpoint> {
  const state = await readState(found, files);
  const sources: WeightSource[] = [];
  const loaded: Flat[] = [];
  try {
    const weights = await files.openTensors(`${found.path}/${TRAINABLE}`);
    sources.push(weights);
    const memory = await files.openTensors(`${found.path}/${OPTIMIZER}`);
    sources.push(memory);
    const wrong = [
      ...differences(state, expected.identity(state.step)),
      ...treeDifferences(weights, expected.trainable),
      ...treeDifferences(memory, moments(expected.optimizer)),
    ];
    if (wrong.length) throw new CheckpointMismatch(found.path, wrong);
    const trainable = await read(weights, expected.trainable, { loaded });
    const m = await read(memory, expected.optimizer.m, { loaded, prefix: 'm.' });
    const v = await read(memory, expected.optimizer.v, { loaded, prefix: 'v.' });
    return { step: state.step, trainable, optimizer: { m, v, updates: state.updates } };
  } catch (error) {
    for (const flat of loaded) dispose(flat);
    throw error;
  } finally {
    for (const source of sources) await source.close();
  }
}

function treeDifferences(source: WeightSource, expected: Flat): string[] {
  const wrong: string[] = [];
  for (const [path, { shape }] of Object.entries(expected)) {
    const found = source.names.get(path);
    if (!found) wrong.push(`tensor ${path} is missing`);
    else if (!tf.util.arraysEqual([...found.shape], shape))
      wrong.push(`tensor ${path} is [${found.shape}], not [${shape}]`);
  }
  for (const name of source.names.keys()) if (!expected[name]) wrong.push(`tensor ${name} is not in the model`);
  return wrong;
}

async function read(
  source: WeightSource,
  like: Flat,
  { loaded, prefix = '' }: { loaded: Flat[]; prefix?: string },
): Promise<Flat> {
  const flat: Flat = {};
  loaded.push(flat);
  for (const [path, { shape }] of Object.entries(like)) {
    flat[path] = tf.keep(tf.tensor(await source.read(prefix + path), shape, 'float32'));
  }
  return flat;
}
