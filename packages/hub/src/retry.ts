import { setTimeout as sleep } from 'node:timers/promises';
import { PassingError } from './errors.js';
import type { HubSettings } from './settings.js';

const TRIES = 5;
const LONGEST_WAIT = 60_000;
const GAIN = 2 ** 20;

export interface RetryOptions {
  readonly settings: HubSettings;
  readonly signal?: AbortSignal | undefined;
  readonly tries?: number;
  /** How far it has come: whoever gets on a good deal between two failures may go on failing. */
  readonly reached?: () => number;
}

/** Tries again after errors that pass, with growing pauses. @throws the last of five failures in a row */
export async function retrying<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { settings, signal, tries = TRIES, reached = () => 0 } = options;
  let failures = 0;
  let mark = reached();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof PassingError)) throw error;
      if (reached() - mark >= GAIN) {
        failures = 0;
        mark = reached();
      }
      failures++;
      if (failures >= tries) throw error;
      const pause = error.wait ?? settings.backOff * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
      await pauseFor(Math.min(pause, LONGEST_WAIT), signal);
    }
  }
}

/** @throws the signal's reason when it comes first */
export async function pauseFor(milliseconds: number, signal?: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, signal && { signal }).catch(() => {});
  signal?.throwIfAborted();
}
