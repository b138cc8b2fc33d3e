import { captionTokens, checkPairs } from './tokens.js';

const BETA = 1.2;

/** Length of the longest list of words that stands in both, in order but with gaps. */
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

/**
 * ROUGE-L as the COCO caption evaluation counts it (Lin 2004, beta 1.2), 0 to 1: the best precision and the best recall
 * of the longest common subsequence over a caption's references, joined to an F-score; the mean over captions.
 *
 * Throws where captions and references do not pair up.
 */
export function rougeL(
  candidates: readonly string[],
  references: readonly (readonly string[])[],
): { readonly score: number; readonly each: readonly number[] } {
  checkPairs(candidates, references);
  const each = candidates.map((caption, i) => {
    const words = captionTokens(caption);
    const lists = references[i]!.map(captionTokens);
    const common = lists.map((list) => longestCommon(words, list));
    const precision = Math.max(...common) / Math.max(1, words.length);
    const recall = Math.max(...common.map((length, k) => length / Math.max(1, lists[k]!.length)));
    if (precision === 0 || recall === 0) return 0;
    return ((1 + BETA ** 2) * precision * recall) / (recall + BETA ** 2 * precision);
  });
  return { score: each.reduce((sum, x) => sum + x, 0) / each.length, each };
}
