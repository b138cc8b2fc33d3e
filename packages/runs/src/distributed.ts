import { hostname } from 'node:os';
import { type Communicator, gatherJson } from '@blip2/trainer';
import type { RunConfig } from './config/schema.js';

/** @throws where the batches of a stage cannot be divided evenly among the processes */
export function expectEvenShards(
  config: Pick<RunConfig, 'stage1' | 'stage2'>,
  stages: readonly (1 | 2)[],
  { size }: Communicator,
): void {
  for (const stage of stages) {
    const { batchSize } = stage === 1 ? config.stage1 : config.stage2;
    if (batchSize % size === 0) continue;
    throw new Error(
      `A batch of ${batchSize} in stage${stage} cannot be divided evenly among ${size} processes; give a multiple of ${size} as its 'batchSize' (--batch-size).`,
    );
  }
}

/**
 * Opens what is kept on disk once it is computed, on process 0 first, then on one process of every computer, and then on the
 * others: those find it, whether or not computers share their disks.
 */
export async function inTurn<T>(communicator: Communicator, open: () => Promise<T>): Promise<T> {
  const { rank, size } = communicator;
  if (size === 1) return open();
  const hosts = await gatherJson(communicator, hostname());
  const turn = rank === 0 ? 0 : hosts.indexOf(hosts[rank] as string) === rank ? 1 : 2;
  let opened: Promise<T> | undefined;
  for (let now = 0; now <= 2; now++) {
    if (now === turn) {
      opened = open();
      await opened;
    }
    if (now < 2) await communicator.barrier(true);
  }
  return opened as Promise<T>;
}

/** The items of this process, where all have about equally many: whole groups of `together`, in turn. */
export function shareOf<T>(
  items: readonly T[],
  { rank, size }: Pick<Communicator, 'rank' | 'size'>,
  together = 1,
): T[] {
  return items.filter((_, i) => Math.floor(i / together) % size === rank);
}

/** Puts the results that every process has of its share (`shareOf`) in the order of the items. */
export async function joinShares<T>(communicator: Communicator, results: readonly T[], together = 1): Promise<T[]> {
  if (communicator.size === 1) return [...results];
  const all = (await gatherJson(communicator, results)).map((list) => list[Symbol.iterator]());
  const count = (await gatherJson(communicator, results.length)).reduce((sum, length) => sum + length, 0);
  return Array.from({ length: count }, (_, i) => {
    const next = all[Math.floor(i / together) % communicator.size]?.next();
    return next?.value as T;
  });
}
