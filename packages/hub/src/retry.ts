import { TransientError } from './errors.js';
import type { HubSettings } from './settings.js';

const TRIES = 5;
const LONGEST_WAIT = 60_000;
/** Bytes of progress after which failures are counted from zero. */
const PROGRESS = 2 ** 20;

/** Options of `withRetries`. */
export interface RetryOptions {
  readonly settings: HubSettings;
  readonly signal?: AbortSignal | undefined;
  /** The number of attempts without progress. Default 5. */
  readonly tries?: number;
  /** The bytes received so far: failures with progress between them do not count. */
  readonly received?: () => number;
}

/** Repeats an attempt after transient errors, with increasing delays. @throws the last error */
export async function withRetries<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { settings, signal, tries = TRIES, received = () => 0 } = options;
  let failures = 0;
  let mark = received();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      if (received() - mark >= PROGRESS) {
        failures = 0;
        mark = received();
      }
      failures++;
      if (failures >= tries) throw error;
      const pause = error.wait ?? settings.retryDelay * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
      await pauseFor(Math.min(pause, LONGEST_WAIT), signal);
    }
  }
}

/** Waits. @throws the signal's reason when it is aborted */
export async function pauseFor(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done);
  });
  signal?.throwIfAborted();
}
