import type { CheckpointFiles } from './files.js';
import { nodeFiles } from './files.js';

export const TRAINABLE = 'trainable.safetensors';
export const OPTIMIZER = 'optimizer.safetensors';
export const STATE = 'state.json';
/** Begins the names of folders that are being written or removed. */
export const PARTIAL = '.partial-';

export interface FoundCheckpoint {
  /** Updates made before it was written. */
  readonly step: number;
  readonly path: string;
}

export const folderName = (step: number): string => `step-${String(step).padStart(6, '0')}`;

/** The whole checkpoints in a folder, oldest first. */
export async function listCheckpoints(dir: string, files: CheckpointFiles = nodeFiles): Promise<FoundCheckpoint[]> {
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

/** The newest whole checkpoint in a folder, if there is one. */
export async function latestCheckpoint(
  dir: string,
  files: CheckpointFiles = nodeFiles,
): Promise<FoundCheckpoint | undefined> {
  return (await listCheckpoints(dir, files)).at(-1);
}
