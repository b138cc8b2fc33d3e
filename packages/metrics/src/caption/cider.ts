import { captionTokens, checkPairs, ngrams } from './tokens.js';

const SIZES = [1, 2, 3, 4] as const;
const SIGMA = 6;

/** Options of `cider`. */
export interface CiderOptions {
  /** Documents (each the references of one image) for the n-grams' frequencies. Default: the references themselves. */
  readonly corpus?: readonly (readonly string[])[];
}

/** One caption as tf-idf vectors over its n-grams, one for each size, with their lengths. */
interface Vectors {
  readonly weights: readonly ReadonlyMap<string, number>[];
  readonly norms: readonly number[];
  /** In pairs of words, as the evaluation code counts. */
  readonly length: number;
}

/** In how many documents each n-gram of any size occurs. */
function documentFrequencies(corpus: readonly (readonly string[])[]): Map<string, number> {
  const frequencies = new Map<string, number>();
  for (const document of corpus) {
    const seen = new Set<string>();
    for (const caption of document) {
      const words = captionTokens(caption);
      for (const n of SIZES) for (const gram of ngrams(words, n).keys()) seen.add(gram);
    }
    for (const gram of seen) frequencies.set(gram, (frequencies.get(gram) ?? 0) + 1);
  }
  return frequencies;
}

function vectors(caption: string, idf: (gram: string) => number): Vectors {
  const words = captionTokens(caption);
  const weights = SIZES.map(
    (n) => new Map([...ngrams(words, n)].map(([gram, count]) => [gram, count * idf(gram)] as const)),
  );
  const norms = weights.map((map) => Math.sqrt([...map.values()].reduce((sum, x) => sum + x * x, 0)));
  return { weights, norms, length: Math.max(0, words.length - 1) };
}

/** Mean over sizes of the clipped cosine, times a Gaussian of the difference in length. */
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
 * CIDEr-D as the COCO caption evaluation reports it under the name of CIDEr (Vedantam et al. 2015): tf-idf weighted
 * n-grams of 1 to 4 words, counts clipped to the reference's, Gaussian length penalty with sigma 6, times 10. Document
 * frequencies come from the references, so that with one image alone every score is 0.
 *
 * Throws where captions and references do not pair up.
 */
export function cider(
  candidates: readonly string[],
  references: readonly (readonly string[])[],
  options: CiderOptions = {},
): { readonly score: number; readonly each: readonly number[] } {
  checkPairs(candidates, references);
  const corpus = options.corpus ?? references;
  const frequencies = documentFrequencies(corpus);
  const idf = (gram: string): number => Math.log(corpus.length) - Math.log(Math.max(1, frequencies.get(gram) ?? 0));
  const each = candidates.map((caption, i) => {
    const own = vectors(caption, idf);
    const list = references[i]!;
    return (10 * list.reduce((sum, text) => sum + similarity(own, vectors(text, idf)), 0)) / list.length;
  });
  return { score: each.reduce((sum, x) => sum + x, 0) / each.length, each };
}
