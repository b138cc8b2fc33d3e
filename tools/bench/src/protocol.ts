import type { Work } from '@blip2/testing';

/** A case without the code that computes it. */
export interface CaseInfo {
  readonly bench: string;
  readonly case: string;
  readonly flops?: number;
  readonly bytes?: number;
  readonly work?: Work;
}

/** What a contender's process is asked, one at a time, as a line of JSON on its standard input. */
export type Question =
  | { readonly ask: 'versions' }
  | { readonly ask: 'prepare'; readonly bench: string; readonly case: string; readonly work?: Work }
  | { readonly ask: 'warm' }
  | { readonly ask: 'sample' }
  | { readonly ask: 'memory' }
  | { readonly ask: 'done' };

/** Milliseconds of one run, and of processors' time that the process took meanwhile, in all its threads. */
export interface Sample {
  readonly ms: number;
  readonly cpu_ms: number;
}

/** Bytes of the heap before one run of a case, and at its most. */
export interface HeapUse {
  readonly before: number;
  readonly peak: number;
}

/** What it answers, as a line of JSON on its standard output. */
export interface Answers {
  readonly versions: { readonly versions: Readonly<Record<string, string>> };
  readonly prepare: { readonly ok: true };
  readonly warm: { readonly ok: true };
  readonly sample: Sample;
  readonly memory: { readonly heap: HeapUse | null };
  readonly done: { readonly ok: true };
}
export type Answer = Answers[keyof Answers] | { readonly error: string };

/** @returns undefined for a line that is no message: libraries print what they like. */
export function messageOf<M>(line: string): M | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as M;
  } catch {
    return undefined;
  }
}

export const lineOf = (message: Question | Answer): string => `${JSON.stringify(message)}\n`;
