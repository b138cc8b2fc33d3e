import { type Contender, labelOf } from '../contender.js';
import type { Result } from '../result.js';

/** What is looked up in a run. */
export interface Lookup {
  /** The line of a contender in the first case whose name begins so; undefined where it was not measured. */
  line(bench: string, begin: string, who: Contender): Result | undefined;
  /** `a`'s median as a multiple of `b`'s, of the same case and run. */
  ratio(bench: string, begin: string, pair: { a: Contender; b: Contender }): number | undefined;
}

export function lookup(results: readonly Result[]): Lookup {
  const line: Lookup['line'] = (bench, begin, { name, threads }) =>
    results.find(
      (one) => one.bench === bench && one.case.startsWith(begin) && one.contender === name && one.threads === threads,
    );
  return { line, ratio: (bench, begin, { a, b }) => line(bench, begin, a)?.ratio_to[labelOf(b)] };
}

const order = [
  'ceiling',
  'matmul',
  'attention',
  'rows',
  'qformer',
  'stage1',
  'stage2',
  'decode',
  'caption',
  'quantized',
];
const place = ({ bench }: Result): number => (order.includes(bench) ? order.indexOf(bench) : order.length);

/** All lines by bench, then by case: benches in the order of a reader, cases as they were measured. */
export function grouped<R extends Result>(results: readonly R[]): Map<string, Map<string, R[]>> {
  const benches = new Map<string, Map<string, R[]>>();
  for (const result of [...results].sort((a, b) => place(a) - place(b))) {
    const cases = benches.get(result.bench) ?? new Map<string, R[]>();
    benches.set(result.bench, cases);
    cases.set(result.case, [...(cases.get(result.case) ?? []), result]);
  }
  return benches;
}
