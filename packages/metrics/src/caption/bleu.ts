import { captionTokens, checkPairs, ngrams } from './tokens.js';

/** BLEU with n-grams of up to 1, 2, 3 and 4 words. */
export interface BleuScore {
  readonly bleu1: number;
  readonly bleu2: number;
  readonly bleu3: number;
  readonly bleu4: number;
}

/** How many of a caption's n-grams stand in a reference, each counted as often as in the one that has it most. */
function matches(words: readonly string[], references: readonly (readonly string[])[], n: number): number {
  const counts = references.map((reference) => ngrams(reference, n));
  let found = 0;
  for (const [gram, count] of ngrams(words, n)) {
    found += Math.min(count, Math.max(...counts.map((map) => map.get(gram) ?? 0)));
  }
  return found;
}

/** The reference length nearest to a caption's, the shorter of two equally near. */
function nearest(length: number, lengths: readonly number[]): number {
  return [...lengths].sort((a, b) => Math.abs(a - length) - Math.abs(b - length) || a - b)[0]!;
}

/**
 * BLEU of a whole set of captions (Papineni et al. 2002), 0 to 1: geometric mean of clipped n-gram precisions, times a
 * penalty where the captions are shorter than the nearest references. Without smoothing: no match at a size gives 0.
 *
 * Throws where captions and references do not pair up.
 */
export function bleu(candidates: readonly string[], references: readonly (readonly string[])[]): BleuScore {
  checkPairs(candidates, references);
  const found = [0, 0, 0, 0];
  const total = [0, 0, 0, 0];
  let [own, closest] = [0, 0];
  for (const [i, caption] of candidates.entries()) {
    const words = captionTokens(caption);
    const lists = references[i]!.map(captionTokens);
    own += words.length;
    closest += nearest(
      words.length,
      lists.map((list) => list.length),
    );
    for (let n = 1; n <= 4; n++) {
      found[n - 1]! += matches(words, lists, n);
      total[n - 1]! += Math.max(0, words.length - n + 1);
    }
  }
  const penalty = own === 0 ? 0 : Math.min(1, Math.exp(1 - closest / own));
  const score = (n: number): number => {
    const precisions = found.slice(0, n).map((count, i) => count / Math.max(1, total[i]!));
    return penalty * precisions.reduce((product, p) => product * p, 1) ** (1 / n);
  };
  return { bleu1: score(1), bleu2: score(2), bleu3: score(3), bleu4: score(4) };
}
