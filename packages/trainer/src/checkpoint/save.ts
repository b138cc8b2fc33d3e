import type { Flat } from '@blip2/tensor';
import type { OptimizerState } from '../optimizer.js';
import { type CheckpointFiles, nodeFiles } from './files.js';
import { folderName, latestCheckpoint, listCheckpoints, OPTIMIZER, PARTIAL, STATE, TRAINABLE } from './find.js';
import { reason } from './node.js';
import type { RunIdentity, RunState } from './state.js';

export interface CheckpointContent {
  readonly step: number;
  readonly trainable: Flat;
  readonly optimizer: OptimizerState;
  readonly identity: RunIdentity;
}

export interface SaveOptions {
  /** How many checkpoints stay; older ones are removed. Default 2. */
  readonly keep?: number;
  readonly files?: CheckpointFiles;
}

/**
 * Writes a checkpoint as `DIR/step-000123`. It is written and synced under another name and then renamed: whatever happens,
 * every folder `step-*` is whole, and the checkpoint before is there until this one is.
 * @returns its path
 * @throws one sentence with the reason, such as a full disk; what was half written is removed
 */
export async function saveCheckpoint(
  dir: string,
  content: CheckpointContent,
  options: SaveOptions = {},
): Promise<string> {
  const { keep = 2, files = nodeFiles } = options;
  if (!(keep >= 1)) throw new Error(`At least 1 checkpoint must be kept, not ${keep}.`);
  const name = folderName(content.step);
  const partial = `${dir}/${PARTIAL}${name}`;
  try {
    await files.makeFolder(dir);
    await removePartial(dir, files);
    await write(partial, content, files);
    await files.remove(`${dir}/${name}`); // not a whole one, or the run would have begun after it
    await files.rename(partial, `${dir}/${name}`);
    await files.sync(dir);
  } catch (cause) {
    await files.remove(partial).catch(() => {});
    const last = await latestCheckpoint(dir, files).catch(() => undefined);
    const remains = last ? `; the checkpoint of step ${last.step} remains` : '';
    throw new Error(
      `The checkpoint of step ${content.step} could not be written to ${dir}: ${reason(cause)}${remains}. Correct this and resume.`,
      { cause },
    );
  }
  await prune(dir, keep, files);
  return `${dir}/${name}`;
}

async function write(folder: string, content: CheckpointContent, files: CheckpointFiles): Promise<void> {
  const { step, trainable, optimizer, identity } = content;
  const state: RunState = { format: 1, step, ...identity, updates: optimizer.updates };
  await files.makeFolder(folder);
  await files.writeTensors(`${folder}/${TRAINABLE}`, trainable);
  await files.writeTensors(`${folder}/${OPTIMIZER}`, moments(optimizer));
  await files.writeText(`${folder}/${STATE}`, `${JSON.stringify(state, null, 2)}\n`);
  for (const name of [TRAINABLE, OPTIMIZER, STATE]) await files.sync(`${folder}/${name}`);
  await files.sync(folder);
}

/** Both moments as they are named in the file: `m.` or `v.` before the path. */
export function moments({ m, v }: Pick<OptimizerState, 'm' | 'v'>): Flat {
  const named = (letter: string, flat: Flat) =>
    Object.entries(flat).map(([path, tensor]) => [`${letter}.${path}`, tensor]);
  return Object.fromEntries([...named('m', m), ...named('v', v)]);
}

/** A folder is renamed before it is emptied, so that no half-empty one looks whole. */
async function prune(dir: string, keep: number, files: CheckpointFiles): Promise<void> {
  for (const { step, path } of (await listCheckpoints(dir, files)).slice(0, -keep)) {
    await files.rename(path, `${dir}/${PARTIAL}old-${step}`);
  }
  await removePartial(dir, files);
}

/** What a killed run left half written or half removed. */
async function removePartial(dir: string, files: CheckpointFiles): Promise<void> {
  for (const name of await files.list(dir)) {
    if (name.startsWith(PARTIAL)) await files.remove(`${dir}/${name}`);
  }
}
