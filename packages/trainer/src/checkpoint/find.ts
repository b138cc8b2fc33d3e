import { toPath } from '@blip2/tensor/files';
import type { CheckpointFiles } from './files.js';
import { nodeFiles } from './files.js';

export const TRAINABLE = 'trainable.safetensors';
export const OPTIMIZER = 'optimizer.safetensors';
export const STATE = 'state.json';
/** Prefix of the names of folders that are being written or removed. */
export const PARTIAL = '.partial-';

/** A checkpoint in a folder. */
export interface FoundCheckpoint {
  /** Number of updates before it. */
  readonly step: number;
  /** Path of its folder. */
  readonly path: string;
}

/** Returns the name of the folder of a step's checkpoint. */
export const folderName = (step: number): string => `step-${String(step).padStart(6, '0')}`;

/**
 * Lists the complete checkpoints in a folder, oldest first.
 * @param folder path or `file:` URL
 */
export async function listCheckpoints(
  folder: string | URL,
  files: CheckpointFiles = nodeFiles,
): Promise<FoundCheckpoint[]> {
  const dir = toPath(folder);
  const found: FoundCheckpoint[] = [];
  for (const name of await files.list(dir)) {
    const step = /^step-(\d{6,})$/.exec(name)?.[1];
    if (step === undefined) continue;
    const inside = await files.list(`${dir}/${name}`);
    if ([TRAINABLE, OPTIMIZER, STATE].every((file) => inside.includes(file))) {
      found.push({ step: Number(step), path: `${dir}/${name}` });
    }
  }
  return found.sort((a, b) => a.step - b.step);
}

/**
 * Finds the newest complete checkpoint in a folder.
 * @param dir path or `file:` URL
 * @returns undefined where there is none
 */
export async function latestCheckpoint(
  dir: string | URL,
  files: CheckpointFiles = nodeFiles,
): Promise<FoundCheckpoint | undefined> {
  return (await listCheckpoints(dir, files)).at(-1);
}
