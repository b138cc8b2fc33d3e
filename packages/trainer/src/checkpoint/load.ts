import { dispose, type Flat, type WeightSource } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { OptimizerState } from '../optimizer.js';
import { type CheckpointFiles, nodeFiles } from './files.js';
import { type FoundCheckpoint, OPTIMIZER, TRAINABLE } from './find.js';
import { moments } from './save.js';
import { differences, type RunIdentity, readState } from './state.js';

/** A checkpoint belongs to another run than the one that asks for it. */
export class CheckpointMismatch extends Error {
  override readonly name = 'CheckpointMismatch';
  constructor(
    path: string,
    /** Every difference, in words. */
    readonly differences: readonly string[],
  ) {
    const shown = differences.slice(0, 12).join('; ');
    const more = differences.length > 12 ? `; and ${differences.length - 12} more` : '';
    super(`${path} cannot be continued: ${shown}${more}. Use the same settings, or begin anew in another folder.`);
  }
}

export interface Expected {
  /** The tree to continue with; its values are not used. */
  readonly trainable: Flat;
  readonly optimizer: OptimizerState;
  /** Given the step, as the next learning rate depends on it. */
  readonly identity: (step: number) => RunIdentity;
}

export interface Loaded {
  readonly step: number;
  readonly trainable: Flat;
  readonly optimizer: OptimizerState;
}

/**
 * Reads a checkpoint into new tensors, which the caller owns.
 * @throws CheckpointMismatch, naming all differences in settings, paths and shapes at once, before any tensor is read
 */
export async function loadCheckpoint(
  found: FoundCheckpoint,
  expected: Expected,
  files: CheckpointFiles = nodeFiles,
): Promise<Loaded> {
  const state = await readState(found, files);
  const sources: WeightSource[] = [];
  const made: Flat[] = [];
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
    const trainable = await read(weights, expected.trainable, { made });
    const m = await read(memory, expected.optimizer.m, { made, prefix: 'm.' });
    const v = await read(memory, expected.optimizer.v, { made, prefix: 'v.' });
    return { step: state.step, trainable, optimizer: { m, v, updates: state.updates } };
  } catch (error) {
    for (const flat of made) dispose(flat);
    throw error;
  } finally {
    for (const source of sources) await source.close();
  }
}

function treeDifferences(source: WeightSource, expected: Flat): string[] {
  const wrong: string[] = [];
  for (const [path, { shape }] of Object.entries(expected)) {
    const there = source.names.get(path);
    if (!there) wrong.push(`tensor ${path} is missing`);
    else if (!tf.util.arraysEqual([...there.shape], shape))
      wrong.push(`tensor ${path} is [${there.shape}], not [${shape}]`);
  }
  for (const name of source.names.keys()) if (!expected[name]) wrong.push(`tensor ${name} is not in the model`);
  return wrong;
}

async function read(
  source: WeightSource,
  like: Flat,
  { made, prefix = '' }: { made: Flat[]; prefix?: string },
): Promise<Flat> {
  const flat: Flat = {};
  made.push(flat);
  for (const [path, { shape }] of Object.entries(like)) {
    flat[path] = tf.keep(tf.tensor(await source.read(prefix + path), shape, 'float32'));
  }
  return flat;
}
