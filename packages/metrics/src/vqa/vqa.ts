import { normalizeAnswer, removePunctuation, trimAnswer } from './normalize.js';

/** Scores one answer against people's answers to the same question, from 0 to 1. */
export type VqaAccuracy = (answer: string, humanAnswers: readonly string[]) => number;

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** Averages `min(1, n / 3)` over leaving out each person, where n of the others agree. */
function leaveOneOut(given: string, people: readonly string[]): number {
  if (people.length === 0)
    throw new Error('A question without human answers cannot be scored: give its human answers.');
  const agrees = people.map((other) => other === given);
  const total = agrees.filter(Boolean).length;
  return mean(agrees.map((agreed) => Math.min(1, (total - (agreed ? 1 : 0)) / 3)));
}

/**
 * Computes the accuracy of an answer by the official VQA evaluation script (Antol et al. 2015): `min(1, n / 3)`, where n
 * people agree, averaged over leaving out each of the ten people. The answer is normalized, see {@link normalizeAnswer};
 * people's answers only lose their punctuation, and that only where they are not all equal, so that an answer `two` to ten
 * people's `two` scores 0. {@link vqaAccuracyNormalized} normalizes both. With fewer than four people no answer reaches 1;
 * use {@link exactMatch} for these.
 * @throws Error where there are no human answers
 */
export const vqaAccuracy: VqaAccuracy = (answer, humanAnswers) => {
  const people = humanAnswers.map(trimAnswer);
  const differ = new Set(people).size > 1;
  return leaveOneOut(normalizeAnswer(answer), differ ? people.map(removePunctuation) : people);
};

/**
 * Computes the accuracy of an answer by the VQA rule with the answer and all human answers normalized, which differs from
 * the official script where people wrote number words, articles, capitals or contractions; see {@link vqaAccuracy}.
 * @throws Error where there are no human answers
 */
export const vqaAccuracyNormalized: VqaAccuracy = (answer, humanAnswers) =>
  leaveOneOut(normalizeAnswer(answer), humanAnswers.map(normalizeAnswer));

function checkPairs(answers: readonly string[], count: number): void {
  if (answers.length === 0 || answers.length !== count) {
    throw new Error(`There are ${answers.length} answers to ${count} questions: give one answer for each question.`);
  }
}

/**
 * Computes the mean accuracy of answers, from 0 to 1.
 * @param humanAnswers people's answers to each question
 * @param accuracy rule for one question. Default {@link vqaAccuracy}, that of the official script
 * @throws Error where answers and questions do not pair up
 */
export function vqaScore(
  answers: readonly string[],
  humanAnswers: readonly (readonly string[])[],
  accuracy: VqaAccuracy = vqaAccuracy,
): number {
  checkPairs(answers, humanAnswers.length);
  return mean(answers.map((answer, i) => accuracy(answer, humanAnswers[i]!)));
}

/**
 * Computes the share of answers that equal a correct answer after normalizing both, from 0 to 1.
 * @param correct the correct answer to each question, or several
 * @throws Error where answers and questions do not pair up
 */
export function exactMatch(answers: readonly string[], correct: readonly (string | readonly string[])[]): number {
  checkPairs(answers, correct.length);
  return mean(
    answers.map((answer, i) => {
      const own = normalizeAnswer(answer);
      return [correct[i]!].flat().some((other) => normalizeAnswer(other) === own) ? 1 : 0;
    }),
  );
}
