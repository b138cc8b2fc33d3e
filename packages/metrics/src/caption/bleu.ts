import { ngrams, tokenizePairs, wordsOf } from './tokens.js';

/** BLEU with n-grams of up to 1, 2, 3 and 4 words, each from 0 to 1. */
export interface BleuScore {
  readonly bleu1: number;
  readonly bleu2: number;
  readonly bleu3: number;
  readonly bleu4: number;
}

/** Added to numerators and denominators, as in the COCO caption evaluation. */
const TINY = 1e-15;
const SMALL = 1e-9;

/** Counts a caption's n-grams that occur in a reference, each at most as often as in any one reference. */
function matches(words: readonly string[], references: readonly (readonly string[])[], n: number): number {
  const counts = references.map((reference) => ngrams(reference, n));
  let count = 0;
  for (const [gram, own] of ngrams(words, n)) {
    count += Math.min(own, Math.max(...counts.map((map) => map.get(gram) ?? 0)));
  }
  return count;
}

/** Returns the reference length closest to a caption's, the shorter of two equally close. */
function closestLength(length: number, lengths: readonly number[]): number {
  return [...lengths].sort((a, b) => Math.abs(a - length) - Math.abs(b - length) || a - b)[0]!;
}

/**
 * Computes BLEU of a set of captions (Papineni et al. 2002) as the COCO caption evaluation does: the geometric mean of
 * clipped n-gram precisions of the whole set, times a brevity penalty against the closest reference lengths. Where a size
 * has no match, its count is 1e-15, so that scores are tiny instead of 0.
 * @param candidates one caption for each image
 * @param references the references of each image
 * @throws Error where captions and references do not pair up
 */
export function bleu(candidates: readonly string[], references: readonly (readonly string[])[]): BleuScore {
  const pairs = tokenizePairs(candidates, references);
  const correct = [0, 0, 0, 0];
  const guessed = [0, 0, 0, 0];
  let [length, closest] = [0, 0];
  for (const [i, tokens] of pairs.candidates.entries()) {
    const words = wordsOf(tokens);
    const lists = pairs.references[i]!.map(wordsOf);
    const lengths = lists.map((list) => list.length);
    length += words.length;
    closest += closestLength(words.length, lengths);
    for (let n = 1; n <= 4; n++) {
      correct[n - 1]! += matches(words, lists, n);
      guessed[n - 1]! += Math.max(0, words.length - n + 1);
    }
  }
  const ratio = (length + TINY) / (closest + SMALL);
  const penalty = ratio < 1 ? Math.exp(1 - 1 / ratio) : 1;
  const score = (n: number): number => {
    const precisions = correct.slice(0, n).map((count, i) => (count + TINY) / (guessed[i]! + SMALL));
    return penalty * precisions.reduce((product, p) => product * p, 1) ** (1 / n);
  };
  return { bleu1: score(1), bleu2: score(2), bleu3: score(3), bleu4: score(4) };
}
