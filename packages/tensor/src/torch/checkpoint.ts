import type { Value } from './pickle/values.js';

/** The content of a file written by torch.save: the object, and the places of its storages. */
export interface Checkpoint {
  readonly value: Value;
  /** Returns the byte of the file at which the storage under a key starts. */
  locate(key: string): Promise<number>;
}

/** The size of a pickle at most, in bytes. */
export const LARGEST_PICKLE = 2 ** 26;
