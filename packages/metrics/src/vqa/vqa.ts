import { normalizeAnswer } from './normalize.js';

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/**
 * An answer's accuracy among people's answers to the same question (Antol et al. 2015): `min(1, n / 3)` of those who
 * agree, averaged over leaving out each person once. VQA asks ten people; with fewer than four even an answer that all
 * give stays below 1, see {@link exactMatch} for those.
 */
export function vqaAccuracy(answer: string, humanAnswers: readonly string[]): number {
  if (humanAnswers.length === 0) throw new Error('A question without human answers cannot be scored: give them.');
  const given = normalizeAnswer(answer);
  const agrees = humanAnswers.map((other) => normalizeAnswer(other) === given);
  const total = agrees.filter(Boolean).length;
  return mean(agrees.map((agreed) => Math.min(1, (total - (agreed ? 1 : 0)) / 3)));
}

function checkPairs(answers: readonly string[], count: number): void {
  if (answers.length === 0 || answers.length !== count) {
    throw new Error(`There are ${answers.length} answers to ${count} questions: pair them up, with at least one.`);
  }
}

/** Mean of {@link vqaAccuracy} over questions. */
export function vqaScore(answers: readonly string[], humanAnswers: readonly (readonly string[])[]): number {
  checkPairs(answers, humanAnswers.length);
  return mean(answers.map((answer, i) => vqaAccuracy(answer, humanAnswers[i]!)));
}

/** Share of the answers that equal the right one, or one of several right ones, after normalizing both. */
export function exactMatch(answers: readonly string[], right: readonly (string | readonly string[])[]): number {
  checkPairs(answers, right.length);
  return mean(
    answers.map((answer, i) => {
      const own = normalizeAnswer(answer);
      return [right[i]!].flat().some((other) => normalizeAnswer(other) === own) ? 1 : 0;
    }),
  );
}
