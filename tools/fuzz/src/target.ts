import type { Random } from './mutate/random.js';

/** What reads files from anyone, and how such files are made up. */
export interface Target {
  readonly name: string;
  /** Good files, and some that are interesting. */
  seeds(): Promise<Uint8Array[]>;
  /** A changed file; `other` is one to take parts from. */
  mutate(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array;
  /**
   * Reads a file, and uses what was read.
   * @throws what reading has thrown; an `Unsound` where it gave back nonsense
   */
  run(input: Uint8Array): Promise<void>;
}

/** Something was read that cannot be. */
export class Unsound extends Error {}

/** Errors of the language itself, which say that nobody thought of this. */
const surprises = ['TypeError', 'RangeError', 'SyntaxError', 'ReferenceError', 'EvalError', 'URIError', 'Unsound'];
const LONGEST = 4000;

/** Why an error is no clear sentence for people; undefined where it is one. */
export function unclear(error: unknown): string | undefined {
  if (!(error instanceof Error)) return `threw what is no error: ${String(error)}`;
  const kind = error.constructor.name;
  if (surprises.includes(kind)) return `${kind}: ${error.message}`;
  if (!/[.?]$/.test(error.message)) return `no sentence: ${error.message.slice(0, 200)}`;
  if (error.message.length > LONGEST) return `a message of ${error.message.length} characters`;
  const own = error.message.replace(/"[^"]*"|'[^']*'|received (undefined|NaN)/g, ''); // zod's words, and those of the file
  if (/\b(undefined|NaN)\b|\[object \w+\]/.test(own)) {
    return `a message of the machine: ${error.message.slice(0, 200)}`;
  }
  return undefined;
}
