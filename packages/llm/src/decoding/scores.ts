import type { Settings } from './options.js';

/** `scores - log(sum(exp(scores)))`, in place. @throws when some score is NaN or +Infinity, or all are -Infinity. */
export function logSoftmax(scores: Float32Array): Float32Array {
  let largest = Number.NEGATIVE_INFINITY;
  for (const x of scores) if (x > largest) largest = x;
  let sum = 0;
  for (const x of scores) sum += Math.exp(x - largest);
  const total = largest + Math.log(sum);
  if (!Number.isFinite(total)) throw notFinite();
  for (let i = 0; i < scores.length; i++) scores[i] = (scores[i] as number) - total;
  return scores;
}

const notFinite = (): Error => new Error('The model gave logits that are not finite; check its weights and inputs.');

/** Log-probabilities as they are. @throws when they come of logits that had NaN or +Infinity, or were all -Infinity */
export function expectFinite(logs: Float32Array): Float32Array {
  for (const log of logs) if (log > Number.NEGATIVE_INFINITY) return logs;
  throw notFinite();
}

/**
 * What the options do to the scores of a row's next token, in place: the repetition penalty, once for each distinct
 * token that came before, then no end before `minNewTokens`, and nothing that is never to be said.
 * Search with one beam hands in logits, beam search log-probabilities, as Hugging Face does.
 */
export function penalize(
  scores: Float32Array,
  ids: readonly number[],
  context: { history: readonly number[]; settings: Settings },
): Float32Array {
  const { repetitionPenalty, minNewTokens, eosIds, suppressIds } = context.settings;
  if (repetitionPenalty !== 1) {
    for (const id of new Set([...context.history, ...ids])) {
      const score = scores[id];
      if (score !== undefined) scores[id] = score < 0 ? score * repetitionPenalty : score / repetitionPenalty;
    }
  }
  if (ids.length < minNewTokens) for (const id of eosIds) scores[id] = Number.NEGATIVE_INFINITY;
  for (const id of suppressIds) scores[id] = Number.NEGATIVE_INFINITY;
  return scores;
}
