import type { ImageQuestion } from '@blip2/data';
import type { Report } from './options.js';

/** Characters of a caption, question or answer at most; longer ones are no captions but files gone astray. */
export const MAX_CHARACTERS = 10_000;

/** Texts of an image, as a file has them. */
export interface RawTexts {
  readonly captions?: readonly unknown[];
  readonly questions?: readonly RawQuestion[];
}

/** A question, as a file has it. */
export interface RawQuestion {
  readonly id?: unknown;
  readonly question: unknown;
  /** Undefined where answers are not published. */
  readonly answers?: readonly unknown[] | undefined;
}

/** Texts of an image that were checked. */
export interface Texts {
  readonly captions: readonly string[];
  readonly questions: readonly ImageQuestion[];
}

/** Returns the texts that can be used, trimmed, and reports the others under `id`. */
export function checkTexts({ captions = [], questions = [] }: RawTexts, id: string, report: Report): Texts {
  const named = (kind: string, i: number, count: number): string => (count > 1 ? `${kind} ${i + 1}` : `the ${kind}`);
  const texts = captions.flatMap((caption, i) => {
    const problem = problemOf(caption);
    if (problem) report(id, `${named('caption', i, captions.length)} ${problem}`);
    return problem ? [] : [textOf(caption)];
  });
  const asked = questions.flatMap((one, i): ImageQuestion[] => {
    const name = named('question', i, questions.length);
    const problem = problemOf(one.question);
    if (problem) report(id, `${name} ${problem}`);
    if (problem) return [];
    const answers: string[] = [];
    for (const answer of one.answers ?? []) {
      const why = problemOf(answer);
      if (why) report(id, `an answer to ${name} ${why}`);
      else answers.push(textOf(answer));
    }
    if (one.answers && answers.length === 0) {
      report(id, `${name} has no answer`);
      return [];
    }
    const known = typeof one.id === 'string' || typeof one.id === 'number' ? { id: one.id } : {};
    return [{ ...known, question: textOf(one.question), answers }];
  });
  return { captions: texts, questions: asked };
}

const textOf = (value: unknown): string => String(value).trim();

function problemOf(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return undefined;
  if (value === undefined || value === null) return 'is empty';
  if (typeof value !== 'string') return 'is not text';
  if (value.trim() === '') return 'is empty';
  if (value.length > MAX_CHARACTERS) return `has ${value.length} characters, more than ${MAX_CHARACTERS}`;
  return value.includes('\uFFFD') || value.includes('\0') ? 'is not UTF-8' : undefined;
}
