import { type CaseInfo, type Contender, labelOf } from './contender.js';
import type { Times } from './measure.js';

/** One line of `bench --json`. */
export interface Result {
  readonly bench: string;
  readonly case: string;
  readonly contender: string;
  readonly threads: number;
  readonly ms_min: number;
  readonly ms_median: number;
  readonly ms_max: number;
  readonly samples: number;
  /** Of the shortest time. */
  readonly gflops?: number;
  /** GB/s of the shortest time. */
  readonly gbps?: number;
  /** This median as a multiple of the other's. */
  readonly ratio_to: Readonly<Record<string, number>>;
}

export interface Timed {
  readonly contender: Contender;
  readonly times: Times;
}

/** The lines of one case, each compared with all others. A ceiling is a contender by its own name. */
export function results(info: CaseInfo, timed: readonly Timed[]): Result[] {
  const who = ({ contender }: Timed): Contender =>
    info.bench === 'ceiling' ? { ...contender, name: info.case } : contender;
  return timed.map((one) => {
    const { times } = one;
    const others = timed.filter((other) => other !== one);
    return {
      bench: info.bench,
      case: info.case,
      contender: who(one).name,
      threads: one.contender.threads,
      ms_min: digits(times.min),
      ms_median: digits(times.median),
      ms_max: digits(times.max),
      samples: times.samples,
      ...(info.flops ? { gflops: digits(info.flops / times.min / 1e6) } : {}),
      ...(info.bytes ? { gbps: digits(info.bytes / times.min / 1e6) } : {}),
      ratio_to: Object.fromEntries(
        others.map((other) => [labelOf(who(other)), digits(times.median / other.times.median)]),
      ),
    };
  });
}

const digits = (x: number): number => Number(x.toPrecision(4));

/** One line for people. */
export function textOf({ contender, threads, ms_min, ms_median, ms_max, gflops, gbps }: Result): string {
  const rate = gflops ? `${gflops} GFLOP/s` : gbps ? `${gbps} GB/s` : '';
  const who = labelOf({ name: contender, threads });
  return `  ${who.padEnd(20)} ${`${ms_min}`.padStart(9)} ${`${ms_median}`.padStart(9)} ${`${ms_max}`.padStart(9)} ms  ${rate}`;
}
