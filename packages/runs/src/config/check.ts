import type { z } from 'zod';

/** An error lists at most so many problems. */
const MOST_PROBLEMS = 10;
const LONGEST_KEY = 80;

/**
 * Checks a value against the schema of a configuration and fills in the defaults.
 * @param origin what the value is called in errors
 * @throws listing the keys that are unknown, missing or invalid (at most ten), with the known key that is spelled alike
 */
export function checkConfig<T>(schema: z.ZodType<T>, input: unknown, origin = 'the configuration'): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => describe(issue, schema));
  const more = problems.length > MOST_PROBLEMS ? [`and ${problems.length - MOST_PROBLEMS} more`] : [];
  throw new Error(`${capital(origin)} is wrong: ${[...problems.slice(0, MOST_PROBLEMS), ...more].join('; ')}.`);
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodType): string[] {
  const at = issue.path.map(String);
  if (issue.code !== 'unrecognized_keys') return [`'${at.join('.') || 'it'}': ${issue.message}`];
  const known = keysAt(schema, at);
  return issue.keys.map((key) => {
    const meant = key.length <= LONGEST_KEY ? nearest(key, known) : undefined;
    const hint = meant ? `did you mean '${meant}'?` : `known are ${known.join(', ')}`;
    return `'${[...at, key.slice(0, LONGEST_KEY)].join('.')}' is not a key (${hint})`;
  });
}

/** The keys that a record of the configuration may have. */
function keysAt(whole: z.ZodType, path: readonly string[]): string[] {
  let schema: unknown = whole;
  for (const key of path) schema = unwrap(schema).shape[key];
  return Object.keys(unwrap(schema).shape);
}

function unwrap(schema: unknown): { shape: Record<string, unknown> } {
  let inner = schema as { shape?: Record<string, unknown>; unwrap?: () => unknown };
  while (!inner.shape && inner.unwrap) inner = inner.unwrap() as typeof inner;
  return { shape: inner.shape ?? {} };
}

/** The known key at the smallest edit distance, if that is at most a third of the word. */
function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((key) => [editDistance(word.toLowerCase(), key.toLowerCase()), key] as const)
    .sort(([a], [b]) => a - b);
  const best = ranked[0];
  return best && best[0] <= Math.max(1, Math.floor(word.length / 3)) ? best[1] : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, change);
    }
    row = next;
  }
  return row[b.length] as number;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
