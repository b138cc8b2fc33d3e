import type { CaptionScore } from './cider.js';
import { tokenizePairs } from './tokens.js';

const BETA = 1.2;

/** Returns the length of the longest common subsequence. */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const word of a) {
    const next = [0];
    for (const [j, other] of b.entries()) {
      next.push(word === other ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!));
    }
    row = next;
  }
  return row[b.length]!;
}

/** A caption without tokens is one empty token in `pycocoevalcap`. */
const orEmpty = (tokens: readonly string[]): readonly string[] => (tokens.length === 0 ? [''] : tokens);

/**
 * Computes ROUGE-L (Lin 2004) as the COCO caption evaluation does, from 0 to 1: the best precision and the best recall of
 * the longest common subsequence with any reference, combined to an F-score with beta 1.2; the mean over captions.
 * @param candidates one caption for each image
 * @param references the references of each image
 * @throws Error where captions and references do not pair up
 */
export function rougeL(candidates: readonly string[], references: readonly (readonly string[])[]): CaptionScore {
  const pairs = tokenizePairs(candidates, references);
  const each = pairs.candidates.map((tokens, i) => {
    const words = orEmpty(tokens);
    const lists = pairs.references[i]!.map(orEmpty);
    const common = lists.map((list) => longestCommon(words, list));
    const precision = Math.max(...common) / words.length;
    const recall = Math.max(...common.map((length, k) => length / lists[k]!.length));
    if (precision === 0 || recall === 0) return 0;
    return ((1 + BETA ** 2) * precision * recall) / (recall + BETA ** 2 * precision);
  });
  return { score: each.reduce((sum, x) => sum + x, 0) / each.length, each };
}
