import { captionTokens, ngrams, tokenizePairs, wordsOf } from './tokens.js';

const SIZES = [1, 2, 3, 4] as const;
const SIGMA = 6;

/** Options of {@link cider}. */
export interface CiderOptions {
  /**
   * Documents, each the references of one image, from which the document frequencies of n-grams are computed. Default: the
   * references themselves, as in the COCO caption evaluation.
   */
  readonly corpus?: readonly (readonly string[])[];
}

/** A score of a set of captions, and of each caption. */
export interface CaptionScore {
  /** Mean over captions. */
  readonly score: number;
  /** The score of each caption, in order. */
  readonly each: readonly number[];
}

/** A caption as one tf-idf vector for each size of n-gram. */
interface Vectors {
  readonly weights: readonly ReadonlyMap<string, number>[];
  readonly norms: readonly number[];
  /** Number of bigrams, which the evaluation takes as the length. */
  readonly length: number;
}

/** Counts the documents in which each n-gram occurs. */
function documentFrequencies(corpus: readonly (readonly (readonly string[])[])[]): Map<string, number> {
  const frequencies = new Map<string, number>();
  for (const document of corpus) {
    const grams = new Set<string>();
    for (const words of document) for (const n of SIZES) for (const gram of ngrams(words, n).keys()) grams.add(gram);
    for (const gram of grams) frequencies.set(gram, (frequencies.get(gram) ?? 0) + 1);
  }
  return frequencies;
}

function vectors(words: readonly string[], idf: (gram: string) => number): Vectors {
  const weights = SIZES.map(
    (n) => new Map([...ngrams(words, n)].map(([gram, count]) => [gram, count * idf(gram)] as const)),
  );
  const norms = weights.map((map) => Math.sqrt([...map.values()].reduce((sum, x) => sum + x * x, 0)));
  return { weights, norms, length: Math.max(0, words.length - 1) };
}

/** Returns the mean over sizes of the clipped cosine, times a Gaussian of the difference in length. */
function similarity(candidate: Vectors, reference: Vectors): number {
  const difference = candidate.length - reference.length;
  const penalty = Math.exp(-(difference * difference) / (2 * SIGMA * SIGMA));
  let total = 0;
  for (const [i, own] of candidate.weights.entries()) {
    let product = 0;
    for (const [gram, weight] of own) {
      const other = reference.weights[i]!.get(gram) ?? 0;
      product += Math.min(weight, other) * other;
    }
    const norm = candidate.norms[i]! * reference.norms[i]!;
    total += norm === 0 ? 0 : product / norm;
  }
  return (penalty * total) / SIZES.length;
}

/**
 * Computes CIDEr-D, which the COCO caption evaluation reports as CIDEr (Vedantam et al. 2015), as `pycocoevalcap` does:
 * cosine similarity of tf-idf vectors of n-grams of 1 to 4 words, with clipped counts and a Gaussian length penalty with
 * sigma 6, times 10. With the references of a single image every score is 0, since all document frequencies are equal.
 * @param candidates one caption for each image
 * @param references the references of each image
 * @throws Error where captions and references do not pair up
 */
export function cider(
  candidates: readonly string[],
  references: readonly (readonly string[])[],
  options: CiderOptions = {},
): CaptionScore {
  const pairs = tokenizePairs(candidates, references);
  const lists = pairs.references.map((list) => list.map(wordsOf));
  const corpus = options.corpus?.map((document) => document.map((text) => wordsOf(captionTokens(text)))) ?? lists;
  const frequencies = documentFrequencies(corpus);
  const idf = (gram: string): number => Math.log(corpus.length) - Math.log(Math.max(1, frequencies.get(gram) ?? 0));
  const each = pairs.candidates.map((tokens, i) => {
    const own = vectors(wordsOf(tokens), idf);
    const list = lists[i]!;
    return (10 * list.reduce((sum, words) => sum + similarity(own, vectors(words, idf)), 0)) / list.length;
  });
  return { score: each.reduce((sum, x) => sum + x, 0) / each.length, each };
}
