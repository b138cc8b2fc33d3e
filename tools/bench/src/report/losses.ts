import { labelOf } from '../contender.js';
import type { Result } from '../result.js';
import { grouped } from './find.js';

/** A case in which another is faster than this backend, with native kernels where they were measured, with as many threads. */
export interface Loss {
  readonly bench: string;
  readonly case: string;
  readonly threads: number;
  readonly winner: string;
  /** This backend's median as a multiple of the winner's. */
  readonly times: number;
}

const TIE = 1.05; // less than this apart is noise

/** Lists the cases in which another engine is faster, with the fastest of them only, the largest ratio first. */
export function losses(results: readonly Result[]): Loss[] {
  const found: Loss[] = [];
  for (const [bench, cases] of grouped(results)) {
    for (const [name, lines] of cases) {
      const ours = lines.some(({ contender }) => contender === 'native') ? 'native' : 'simd';
      for (const own of lines.filter(({ contender }) => contender === ours)) {
        const others = lines.filter((one) => !/^(simd|native)/.test(one.contender) && one.threads === own.threads);
        const [winner] = others.sort((a, b) => a.ms_median - b.ms_median);
        const times = winner && own.ratio_to[labelOf({ name: winner.contender, threads: winner.threads })];
        if (winner && times && times > TIE) {
          found.push({ bench, case: name, threads: own.threads, winner: winner.contender, times });
        }
      }
    }
  }
  return found.sort((a, b) => b.times - a.times);
}
