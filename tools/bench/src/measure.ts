import type { Sample } from './protocol.js';

/** One contender's times in milliseconds for one case. */
export interface Times {
  /** The least time of processors. */
  readonly cpu: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
  readonly samples: number;
}

export interface Limits {
  /** Samples of each. */
  readonly rounds: number;
  /** Milliseconds that one contender may take for a case; it has two samples at least. */
  readonly budget: number;
}

export interface Sampler {
  /** Does the work once. */
  sample(): Promise<Sample>;
  /** One sample is enough. */
  readonly once?: boolean;
}

/** Takes samples of all in turn, A B C A B C …, so that what slows the machine slows all of them. */
export async function interleave(samplers: readonly Sampler[], limits: Limits): Promise<Times[]> {
  const taken = samplers.map((): Sample[] => []);
  for (let round = 0; round < limits.rounds; round++) {
    for (const [i, { sample, once }] of samplers.entries()) {
      const own = taken[i] as Sample[];
      const spent = own.reduce((sum, { ms }) => sum + ms, 0);
      if (once ? own.length < 1 : own.length < 2 || spent < limits.budget) own.push(await sample());
    }
  }
  return taken.map(summary);
}

export function summary(samples: readonly Sample[]): Times {
  const sorted = samples.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (i: number): number => sorted[i] as number;
  const half = (sorted.length - 1) / 2;
  return {
    cpu: Math.min(...samples.map(({ cpu_ms }) => cpu_ms)),
    min: at(0),
    median: (at(Math.floor(half)) + at(Math.ceil(half))) / 2,
    max: at(sorted.length - 1),
    samples: sorted.length,
  };
}
