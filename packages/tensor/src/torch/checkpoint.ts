import type { Value } from './pickle/values.js';

/** What a file of torch.save holds: the object, and where its storages lie. */
export interface Checkpoint {
  readonly value: Value;
  /** The byte of the file at which the storage under a key begins. */
  locate(key: string): Promise<number>;
}

/** More is no list of tensors. */
export const LARGEST_PICKLE = 2 ** 26;
