/**
 * A caption's words, near to what the COCO evaluation's PTB tokenizer leaves: lower case, punctuation removed,
 * possessives and `n't` split off. Differences from the Java tokenizer remain in rare cases.
 */
export function captionTokens(text: string): string[] {
  return text
    .toLowerCase()
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/n't\b/g, " n't")
    .replace(/'(s|re|ve|ll|d|m)\b/g, " '$1")
    .replace(/[^\p{L}\p{N}'\-/\s]+/gu, ' ')
    .split(/\s+/)
    .map((word) => (/^('(s|re|ve|ll|d|m)|n't)$/.test(word) ? word : word.replace(/^['\-/]+|['\-/]+$/g, '')))
    .filter((word) => word !== '');
}

/** How often each run of `n` words occurs, keyed by the words with a space between. */
export function ngrams(words: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= words.length; i++) {
    const key = words.slice(i, i + n).join(' ');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Throws where captions and lists of references do not pair up. */
export function checkPairs(candidates: readonly string[], references: readonly (readonly string[])[]): void {
  if (candidates.length === 0) throw new Error('No captions were given: a score needs at least one.');
  if (candidates.length !== references.length) {
    throw new Error(`There are ${candidates.length} captions and references for ${references.length}: pair them up.`);
  }
  const bare = references.findIndex((list) => list.length === 0);
  if (bare >= 0) throw new Error(`Caption ${bare} has no reference: give at least one for each.`);
}
