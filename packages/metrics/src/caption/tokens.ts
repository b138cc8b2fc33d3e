import { ptbTokens } from './ptb/lexer.js';

/**
 * Splits a caption into the tokens that the COCO caption evaluation scores: those of the Penn Treebank tokenizer of
 * `pycocoevalcap` (Stanford CoreNLP 3.4.1) in lower case, without punctuation. For example, `can't` becomes `ca` and `n't`,
 * `50%` becomes `50` and `%`, and `(` becomes `-lrb-`.
 */
export function captionTokens(text: string): string[] {
  return ptbTokens(text);
}

/** The tokens of captions and of their references, which many metrics share. */
export interface TokenizedPairs {
  readonly candidates: readonly (readonly string[])[];
  readonly references: readonly (readonly (readonly string[])[])[];
}

/**
 * Tokenizes captions and their references.
 * @throws Error where captions and lists of references do not pair up
 */
export function tokenizePairs(
  candidates: readonly string[],
  references: readonly (readonly string[])[],
): TokenizedPairs {
  if (candidates.length === 0) throw new Error('No captions were given: give at least one.');
  if (candidates.length !== references.length) {
    throw new Error(
      `There are ${candidates.length} captions and references for ${references.length}: give one list of references for each caption.`,
    );
  }
  const bare = references.findIndex((list) => list.length === 0);
  if (bare >= 0) throw new Error(`Caption ${bare} has no reference: give at least one for each caption.`);
  return {
    candidates: candidates.map(captionTokens),
    references: references.map((list) => list.map(captionTokens)),
  };
}

/** Splits tokens at the spaces within them, as in fractions and telephone numbers, which CIDEr and BLEU do. */
export const wordsOf = (tokens: readonly string[]): string[] =>
  tokens.flatMap((token) => token.split(/\s+/).filter((word) => word !== ''));

/** Counts the n-grams of `n` words, keyed by the words with a space between. */
export function ngrams(words: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= words.length; i++) {
    const key = words.slice(i, i + n).join(' ');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
