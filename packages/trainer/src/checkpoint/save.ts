import type { Flat } from '@blip2/tensor';
import { toPath } from '@blip2/tensor/files';
import type { OptimizerState } from '../optimizer.js';
import { reason } from './disk.js';
import { type CheckpointFiles, nodeFiles } from './files.js';
import { folderName, latestCheckpoint, listCheckpoints, OPTIMIZER, PARTIAL, STATE, TRAINABLE } from './find.js';
import type { RunIdentity, RunState } from './state.js';

/** What `saveCheckpoint` writes. */
export interface CheckpointContent {
  readonly step: number;
  readonly trainable: Flat;
  readonly optimizer: OptimizerState;
  readonly identity: RunIdentity;
}

/** Options of `saveCheckpoint`. */
export interface SaveOptions {
  /** Number of checkpoints to keep; older ones are removed. Default 2. */
  readonly keep?: number;
  /** Storage. Default: the file system of Node. */
  readonly files?: CheckpointFiles;
}

/**
 * Writes a checkpoint as `DIR/step-000123`, atomically: it is written and synced under another name, then renamed. Every
 * folder `step-*` is complete at all times, and the previous checkpoint is kept until this one exists.
 * @param folder path or `file:` URL of DIR
 * @returns the path of the checkpoint
 * @throws with the reason, such as a full disk, after removing what was written
 */
export async function saveCheckpoint(
  folder: string | URL,
  content: CheckpointContent,
  options: SaveOptions = {},
): Promise<string> {
  const { keep = 2, files = nodeFiles } = options;
  const dir = toPath(folder);
  if (!(keep >= 1)) throw new Error(`At least 1 checkpoint must be kept, not ${keep}.`);
  const name = folderName(content.step);
  const partial = `${dir}/${PARTIAL}${name}`;
  try {
    await files.makeFolder(dir);
    await removePartial(dir, files);
    await write(partial, content, files);
    await files.remove(`${dir}/${name}`); // incomplete, or the run would have resumed from it
    await files.rename(partial, `${dir}/${name}`);
    await files.sync(dir);
  } catch (cause) {
    await files.remove(partial).catch(() => {});
    const last = await latestCheckpoint(dir, files).catch(() => undefined);
    const remains = last ? `; the checkpoint of step ${last.step} is kept` : '';
    throw new Error(
      `The checkpoint of step ${content.step} could not be written to ${dir}: ${reason(cause)}${remains}. Fix this and resume.`,
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

/** Names both moments as in the file: `m.` or `v.` before the path. */
export function moments({ m, v }: Pick<OptimizerState, 'm' | 'v'>): Flat {
  const named = (letter: string, flat: Flat) =>
    Object.entries(flat).map(([path, tensor]) => [`${letter}.${path}`, tensor]);
  return Object.fromEntries([...named('m', m), ...named('v', v)]);
}

/** Removes old checkpoints; each is renamed first, so that none is ever incomplete under its name. */
async function prune(dir: string, keep: number, files: CheckpointFiles): Promise<void> {
  for (const { step, path } of (await listCheckpoints(dir, files)).slice(0, -keep)) {
    await files.rename(path, `${dir}/${PARTIAL}old-${step}`);
  }
  await removePartial(dir, files);
}

/** Removes folders that a killed run left incomplete. */
async function removePartial(dir: string, files: CheckpointFiles): Promise<void> {
  for (const name of await files.list(dir)) {
    if (name.startsWith(PARTIAL)) await files.remove(`${dir}/${name}`);
  }
}
