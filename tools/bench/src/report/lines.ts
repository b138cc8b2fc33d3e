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

/** A run: a line for its environment, and one for each result and each failure. */
export interface Recorded {
  readonly environment: Environment;
  readonly results: readonly Result[];
  readonly failures: readonly Failure[];
}

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

export const linesOf = ({ environment, results, failures }: Recorded): string =>
  [{ environment }, ...results, ...failures].map((line) => `${JSON.stringify(line)}\n`).join('');

/** @throws for lines that `linesOf` has not made */
export function recordOf(text: string): Recorded {
  const [first, ...rest] = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  if (!first?.environment) throw new Error("A run's first line must be its environment; let --report make the file.");
  const isFailure = (line: object): boolean => 'why' in line;
  return {
    environment: first.environment,
    results: rest.filter((line) => !isFailure(line)),
    failures: rest.filter(isFailure),
  };
}

/** The older lines of all cases that were not measured anew, and the new ones. The ceilings are the new ones. */
export function merged(old: Recorded | undefined, fresh: Recorded): Recorded {
  const caseOf = ({ bench, case: name }: Result | Failure): string => JSON.stringify([bench, name]);
  const anew = new Set([...fresh.results, ...fresh.failures].map(caseOf));
  const kept = <L extends Result | Failure>(lines: readonly L[] = []): L[] =>
    lines.filter((line) => !anew.has(caseOf(line)));
  const versions = { ...old?.environment.versions, ...fresh.environment.versions };
  return {
    environment: { ...fresh.environment, versions },
    results: [...kept(old?.results), ...fresh.results],
    failures: [...kept(old?.failures), ...fresh.failures],
  };
}
