/** Places of the control block, in words of 4 bytes; those that threads write often lie in cache lines of their own. */
export const at = {
  /** Grows when there may be something to do; idle workers sleep on it. */
  SEQUENCE: 0,
  /** 1 while items of the job may be claimed. */
  OPEN: 16,
  /** The first item that nobody has claimed. */
  NEXT: 32,
  /** How many workers are inside the job. */
  ACTIVE: 48,
  SLEEPERS: 64,
  /** 1 while the calling thread sleeps until ACTIVE changes. */
  WAITING: 80,
  FUNCTION: 96,
  ITEMS: 97,
  GRAIN: 98,
  ARITY: 99,
  /** Threads that may work, the calling one included. */
  LIMIT: 100,
  MODULES: 101,
  FAILED: 102,
  /** Workers of another generation than this one end. */
  GENERATION: 103,
  /** Workers that have loaded every module. */
  READY: 104,
  /** How many chunks each thread has computed, a word a thread. */
  CHUNKS: 128,
} as const;

/** The calling thread included. */
export const MOST_THREADS = 64;
export const WORDS: number = at.CHUNKS + MOST_THREADS;
export const MOST_ARGUMENTS = 64;

/** How often a thread looks for work before it sleeps: some tens of microseconds. */
export const SPINS = 4000;
