import type { Suite } from '@blip2/testing';
import { ceilingCases, wideFma } from './ceiling.js';
import { type Contender, kinds, labelOf } from './contender.js';
import { interleave, type Limits, type Times } from './measure.js';
import { peakBytes, resetPeak } from './memory.js';
import { ContenderProcess } from './process.js';
import type { CaseInfo, Sample } from './protocol.js';
import { type Ceilings, ceilingsOf, type Failure, type Result, results, type Timed } from './result.js';

/** A case and what it says of contenders. */
export interface Planned extends CaseInfo {
  readonly without?: readonly string[];
  readonly once?: readonly string[];
  readonly threads?: number;
}

/**
 * The ceilings, and by suites the cases of which 'bench case' has the filter in it.
 * @param named contenders that are asked even where they are slow
 */
export function plan(suites: readonly Suite[], filter: string, named: readonly string[] = []): Planned[][] {
  const planned = suites.map(({ bench, cases }) =>
    cases
      .filter(({ name }) => `${bench} ${name}`.toLowerCase().includes(filter.toLowerCase()))
      .map(({ name, prepare: _, slow = [], ...rest }): Planned => {
        return { ...rest, bench, case: name, without: slow.filter((one) => !named.includes(one)) };
      }),
  );
  return [[...ceilingCases], ...planned].filter((cases) => cases.length > 0);
}

/**
 * Whether this contender has anything to do with this case.
 * @param backend who measures the ceilings
 */
export function takesPart({ name, threads }: Contender, info: Planned, backend = 'simd'): boolean {
  const { bench, work, without = [] } = info;
  if (bench === 'ceiling') return info.case === wideFma.case ? name === 'native' && threads === 1 : name === backend;
  const ops = kinds[name]?.ops;
  if (without.includes(name) || threads !== (info.threads ?? threads)) return false;
  return !ops || (work !== undefined && ops.includes(work.op));
}

export interface Told {
  /** A case begins. */
  begin(info: CaseInfo): void;
  result(result: Result): void;
  /** A suite has been measured; what there is so far. */
  suite?(run: Run): Promise<void>;
  /** A contender cannot do what it is asked. */
  missing(contender: Contender, why: string): void;
}

export interface Run {
  readonly results: Result[];
  readonly failures: Failure[];
  /** Of what took part, by name. */
  readonly versions: Record<string, string>;
}

/** Runs all suites, each in new processes, so that none inherits another's memory. */
export async function runAll(
  suites: readonly (readonly Planned[])[],
  contenders: readonly Contender[],
  options: Limits & Told,
): Promise<Run> {
  const run: Run = { results: [], failures: [], versions: {} };
  const backend = contenders.some(({ name }) => name === 'simd') ? 'simd' : 'native';
  for (const cases of suites) {
    const chosen = contenders.filter((contender) => cases.some((info) => takesPart(contender, info, backend)));
    const processes = chosen.map((contender) => new ContenderProcess(contender));
    try {
      for (const one of processes) await versionsOf(one, run.versions);
      for (const info of cases) {
        options.begin(info);
        const missing = (contender: Contender, why: string): void => {
          run.failures.push({
            bench: info.bench,
            case: info.case,
            contender: contender.name,
            threads: contender.threads,
            why,
          });
          options.missing(contender, why);
        };
        const taking = processes.filter(({ contender }) => takesPart(contender, info, backend));
        for (const result of await runCase(info, taking, { ...options, missing, ceilings: ceilingsOf(run.results) })) {
          run.results.push(result);
          options.result(result);
        }
      }
      await options.suite?.(run);
    } finally {
      for (const one of processes) one.close();
    }
  }
  return run;
}

/** All are up before any is timed. Why one is not is reported when it is asked for a case. */
async function versionsOf(one: ContenderProcess, versions: Record<string, string>): Promise<void> {
  const answer = await one.ask({ ask: 'versions' }).catch(() => undefined);
  Object.assign(versions, answer?.versions);
}

async function runCase(
  info: Planned,
  processes: readonly ContenderProcess[],
  options: Limits & Told & { ceilings: Ceilings },
): Promise<Result[]> {
  const { bench, work, once = [] } = info;
  const ready: ContenderProcess[] = [];
  for (const one of processes) {
    try {
      await resetPeak(one.pid ?? 0);
      await one.ask({ ask: 'prepare', bench, case: info.case, ...(work ? { work } : {}) });
      if (!once.includes(one.contender.name)) await one.ask({ ask: 'warm' });
      ready.push(one);
    } catch (error) {
      options.missing(one.contender, (error as Error).message);
    }
  }
  const samplers = ready.map((one) => ({
    sample: () => sample(one),
    once: once.includes(one.contender.name),
  }));
  const times = await interleave(samplers, options);
  const timed: Timed[] = [];
  for (const [i, one] of ready.entries()) {
    const rss = await peakBytes(one.pid ?? 0);
    const { heap } = await one.ask({ ask: 'memory' });
    await one.ask({ ask: 'done' });
    timed.push({ contender: one.contender, times: times[i] as Times, heap, rss });
  }
  return results(info, timed, options.ceilings);
}

/** One sample. It ends when the contender's threads rest. */
async function sample(one: ContenderProcess): Promise<Sample> {
  const taken = await one.ask({ ask: 'sample' });
  const { name, threads } = one.contender;
  const settle = threads > 1 ? kinds[name]?.settle : 0;
  if (settle) await new Promise((resolve) => setTimeout(resolve, settle));
  return taken;
}

/** The line that says that a contender is left out. */
export const missingText = (contender: Contender, why: string): string =>
  `  ${labelOf(contender)} is left out: ${why}\n`;
