import { cpus, totalmem } from 'node:os';
import type { Result } from '../result.js';

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

/** A run: a line for its environment, and one for each result. */
export interface Recorded {
  readonly environment: Environment;
  readonly results: readonly Result[];
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

export const linesOf = ({ environment, results }: Recorded): string =>
  [{ environment }, ...results].map((line) => `${JSON.stringify(line)}\n`).join('');

/** @throws for lines that `linesOf` has not made */
export function recordOf(text: string): Recorded {
  const [first, ...results] = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  if (!first?.environment) throw new Error("A run's first line must be its environment; let --report make the file.");
  return { environment: first.environment, results };
}

/** The older lines of all cases that were not measured anew, and the new ones. The ceilings are the new ones. */
export function merged(old: Recorded | undefined, fresh: Recorded): Recorded {
  const caseOf = ({ bench, case: name }: Result): string => JSON.stringify([bench, name]);
  const anew = new Set(fresh.results.map(caseOf));
  const kept = old?.results.filter((line) => !anew.has(caseOf(line))) ?? [];
  const versions = { ...old?.environment.versions, ...fresh.environment.versions };
  return { environment: { ...fresh.environment, versions }, results: [...kept, ...fresh.results] };
}
