import { unclear } from '@blip2/testing/untrusted';
import type { Target } from '../target.js';
import { changedGlobals } from './globals.js';

/** More than a small file may cost. */
export const MOST_BYTES = 64 * 2 ** 20;

export interface Outcome {
  readonly loaded: boolean;
  /** What must not happen, in words. */
  readonly finding?: string;
}

const held = (): number => {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
};

/** Lets a target read one file, and says what came of it. */
export async function attempt(target: Target, input: Uint8Array): Promise<Outcome> {
  const before = held();
  let loaded = true;
  let finding: string | undefined;
  try {
    await target.run(input);
  } catch (error) {
    loaded = false;
    const why = unclear(error);
    finding = why === undefined ? undefined : `${why}${placeOf(error)}`;
  }
  const grown = held() - before - 20 * input.length; // parsed JSON and mutated copies
  if (grown > MOST_BYTES) finding = `${Math.round(grown / 2 ** 20)} MB for a file of ${input.length} bytes`;
  const changed = changedGlobals();
  if (changed) finding = `changed ${changed}`;
  return { loaded, ...(finding !== undefined && { finding }) };
}

/** The line of code that threw. */
function placeOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const line = /\/(packages\/[^\s)]+|tokenizers\.mjs[^\s)]+)/.exec(stack);
  return line ? ` (${line[1]})` : '';
}
