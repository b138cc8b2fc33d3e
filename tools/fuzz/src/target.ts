import type { Random } from './mutate/random.js';

/** What reads files from anyone, and how such files are made up. */
export interface Target {
  readonly name: string;
  /** Good files, and some that are interesting. */
  seeds(): Promise<Uint8Array[]>;
  /** A changed file; `other` is one to take parts from. */
  mutate(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array;
  /**
   * Reads a file, and uses what was read.
   * @throws what reading has thrown; an `Unsound` where it gave back nonsense
   */
  run(input: Uint8Array): Promise<void>;
}

/** Something was read that cannot be. */
export class Unsound extends Error {}
