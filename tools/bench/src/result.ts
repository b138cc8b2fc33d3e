import { wideFma } from './ceiling.js';
import { type Contender, labelOf } from './contender.js';
import type { Times } from './measure.js';
import type { CaseInfo, HeapUse } from './protocol.js';

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
  /** The least time of processors, of all threads together, that a run took: what another program delays does not count. */
  readonly cpu_ms_min?: number;
  /** What the samples differ by: (max - min) / median. */
  readonly spread: number;
  /** Of the shortest time. */
  readonly gflops?: number;
  /** GB/s of the shortest time. */
  readonly gbps?: number;
  /** Of the ceiling with as many threads: of the stream where bytes bound the case, or else of the multiply-adds. */
  readonly of_ceiling?: number;
  /** Bytes of this backend's heap before a run, and at its most during it. */
  readonly heap_before?: number;
  readonly heap_peak?: number;
  /** Peak resident memory of the process in bytes, where the system reports it. */
  readonly rss_peak?: number;
  /** This median as a multiple of the other's. */
  readonly ratio_to: Readonly<Record<string, number>>;
}

/** A contender that could not do a case. */
export interface Failure {
  readonly bench: string;
  readonly case: string;
  readonly contender: string;
  readonly threads: number;
  readonly why: string;
}

export interface Timed {
  readonly contender: Contender;
  readonly times: Times;
  readonly heap?: HeapUse | null | undefined;
  readonly rss?: number | undefined;
}

/** The best rates of this machine by number of threads, in GFLOP/s and GB/s. */
export type Ceilings = ReadonlyMap<number, { readonly gflops?: number; readonly gbps?: number }>;

/** The lines of one case, each compared with all others. A ceiling is a contender by its own name. */
export function results(info: CaseInfo, timed: readonly Timed[], ceilings: Ceilings = new Map()): Result[] {
  const who = ({ contender }: Timed): Contender =>
    info.bench === 'ceiling' ? { ...contender, name: info.case } : contender;
  return timed.map((one) => {
    const { times, heap, rss } = one;
    const { name, threads } = who(one);
    const gflops = info.flops && info.flops / times.min / 1e6;
    const gbps = info.bytes && info.bytes / times.min / 1e6;
    const top = ceilings.get(threads);
    const share = gbps && top?.gbps ? gbps / top.gbps : gflops && top?.gflops ? gflops / top.gflops : undefined;
    const others = timed.filter((other) => other !== one);
    return {
      bench: info.bench,
      case: info.case,
      contender: name,
      threads,
      ms_min: digits(times.min),
      ms_median: digits(times.median),
      ms_max: digits(times.max),
      samples: times.samples,
      cpu_ms_min: digits(times.cpu),
      spread: digits((times.max - times.min) / times.median),
      ...(gflops ? { gflops: digits(gflops) } : {}),
      ...(gbps ? { gbps: digits(gbps) } : {}),
      ...(share ? { of_ceiling: digits(share) } : {}),
      ...(heap ? { heap_before: heap.before, heap_peak: heap.peak } : {}),
      ...(rss ? { rss_peak: rss } : {}),
      ratio_to: Object.fromEntries(
        others.map((other) => [labelOf(who(other)), digits(times.median / other.times.median)]),
      ),
    };
  });
}

/** What the lines of the bench 'ceiling' say. */
export function ceilingsOf(lines: readonly Result[]): Ceilings {
  const found = new Map<number, { gflops?: number; gbps?: number }>();
  for (const { bench, case: name, threads, gflops, gbps } of lines) {
    if (bench !== 'ceiling' || name === wideFma.case) continue;
    const before = found.get(threads);
    const faster = gbps && Math.max(gbps, before?.gbps ?? 0);
    found.set(threads, { ...before, ...(gflops ? { gflops } : {}), ...(faster ? { gbps: faster } : {}) });
  }
  return found;
}

const digits = (x: number): number => Number(x.toPrecision(4));

const MIB = 2 ** 20;

/** One line for people. */
export function textOf(result: Result): string {
  const { contender, threads, ms_min, ms_median, ms_max, gflops, gbps, of_ceiling, heap_peak, rss_peak } = result;
  const who = labelOf({ name: contender, threads });
  const times = [ms_min, ms_median, ms_max].map((ms) => `${ms}`.padStart(9)).join(' ');
  const rest = [
    gbps ? `${gbps} GB/s` : gflops ? `${gflops} GFLOP/s` : '',
    of_ceiling ? `${(100 * of_ceiling).toFixed(0)} % of the ceiling` : '',
    heap_peak ? `heap ${(heap_peak / MIB).toFixed(0)} MiB` : '',
    rss_peak ? `process ${(rss_peak / MIB).toFixed(0)} MiB` : '',
  ];
  return `  ${who.padEnd(27)} ${times} ms  ${rest.filter(Boolean).join(', ')}`;
}
