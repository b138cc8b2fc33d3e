import { cpus, totalmem } from 'node:os';
import type { Failure, Result } from '../result.js';

/** The machine and the versions that a run had. Nothing in it names the machine. */
export interface Environment {
  readonly cpu: string;
  readonly cores: number;
  /** GiB */
  readonly memory: number;
  readonly system: string;
  readonly node: string;
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** A line of an older run on another machine has that run's environment. */
type From<L> = L & { readonly environment?: Environment };

/** A run: a line for its environment, and one for each result and each failure; lines of older runs may be among them. */
export interface Recorded {
  readonly environment: Environment;
  readonly results: readonly From<Result>[];
  readonly failures: readonly From<Failure>[];
}

/** The machine of an environment, in words. */
export const machineOf = ({ cpu, cores, memory, system }: Environment): string =>
  `${cpu}, ${cores} cores, ${memory} GiB, ${system}`;

export function environment(versions: Readonly<Record<string, string>>): Environment {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    versions,
  };
}

/** The lines of a file: an environment before the results and failures that have it, the newest first. */
export function linesOf({ environment, results, failures }: Recorded): string {
  const runs = new Map<string, object[]>([[machineOf(environment), [{ environment }]]]);
  for (const { environment: older, ...line } of [...results, ...failures]) {
    const machine = machineOf(older ?? environment);
    if (!runs.has(machine)) runs.set(machine, [{ environment: older }]);
    runs.get(machine)!.push(line);
  }
  return [...runs.values()]
    .flat()
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
}

/** @throws for lines that `linesOf` has not made */
export function recordOf(text: string): Recorded {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  const newest = lines[0]?.environment;
  if (!newest) throw new Error("A run's first line must be its environment; let --report make the file.");
  const results: From<Result>[] = [];
  const failures: From<Failure>[] = [];
  let current: Environment = newest;
  for (const line of lines) {
    if (line.environment) {
      current = line.environment;
      continue;
    }
    const from = current === newest ? line : { environment: current, ...line };
    if ('why' in line) failures.push(from);
    else results.push(from);
  }
  return { environment: newest, results, failures };
}

/** The older lines of all cases that were not measured anew, and the new ones. The ceilings of a machine are its newest. */
export function merged(old: Recorded | undefined, fresh: Recorded): Recorded {
  if (!old) return fresh;
  const here = machineOf(fresh.environment);
  const caseOf = ({ bench, case: name }: Result | Failure, machine: string): string =>
    JSON.stringify(bench === 'ceiling' ? [bench, name, machine] : [bench, name]);
  const anew = new Set([...fresh.results, ...fresh.failures].map((line) => caseOf(line, here)));
  const kept = <L extends Result | Failure>(lines: readonly From<L>[]): From<L>[] =>
    lines
      .map(({ environment = old.environment, ...line }) => ({ environment, line: line as L }))
      .filter(({ environment, line }) => !anew.has(caseOf(line, machineOf(environment))))
      .map(({ environment, line }) => (machineOf(environment) === here ? line : { environment, ...line }));
  return {
    environment: { ...fresh.environment, versions: { ...old.environment.versions, ...fresh.environment.versions } },
    results: [...kept(old.results), ...fresh.results],
    failures: [...kept(old.failures), ...fresh.failures],
  };
}
