/** A word as a list of pieces, with its frequency. */
interface Word {
  pieces: string[];
  readonly count: number;
}

/** A merge of byte-pair encoding: two pieces that become one. */
export type Merge = readonly [left: string, right: string];

export interface MergeOptions {
  /** Largest number of merges. */
  readonly limit: number;
  /** Joins two pieces. Default: concatenation. */
  readonly join?: (left: string, right: string) => string;
}

const SEPARATOR = '\u0000';

/** Counts of neighboring pieces, and the words that contain each pair. */
class Pairs {
  readonly counts = new Map<string, number>();
  readonly words = new Map<string, Set<Word>>();

  add(word: Word, sign: 1 | -1): void {
    for (let i = 0; i + 1 < word.pieces.length; i++) {
      const key = word.pieces[i] + SEPARATOR + word.pieces[i + 1];
      const count = (this.counts.get(key) ?? 0) + sign * word.count;
      if (count > 0) this.counts.set(key, count);
      else this.counts.delete(key);
      if (sign < 0) continue;
      const words = this.words.get(key) ?? new Set();
      this.words.set(key, words.add(word));
    }
  }

  /** Returns the most frequent pair; of equally frequent ones, the first in order of code units. */
  best(): string | undefined {
    let found: string | undefined;
    let most = 1;
    for (const [key, count] of this.counts) {
      if (count > most || (count === most && found !== undefined && key < found)) [found, most] = [key, count];
    }
    return found;
  }
}

function merged(pieces: readonly string[], [left, right]: Merge, joined: string): string[] {
  const result: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    const both = pieces[i] === left && pieces[i + 1] === right;
    result.push(both ? joined : pieces[i]!);
    if (both) i++;
  }
  return result;
}

/**
 * Learns the merges of byte-pair encoding (Sennrich et al. 2016): the most frequent pair of neighbors is merged
 * repeatedly, until there are `limit` merges or no pair occurs twice. Deterministic.
 */
export function learnMerges(
  words: readonly (readonly [pieces: readonly string[], count: number])[],
  options: MergeOptions,
): Merge[] {
  const { limit, join = (left, right) => left + right } = options;
  const pairs = new Pairs();
  for (const [pieces, count] of words) pairs.add({ pieces: [...pieces], count }, 1);
  const merges: Merge[] = [];
  const known = new Set<string>(); // a pair can come back when one of its pieces is made in a second way
  while (merges.length < limit) {
    const key = pairs.best();
    if (key === undefined) break;
    const [left, right] = key.split(SEPARATOR) as [string, string];
    const joined = join(left, right);
    for (const word of pairs.words.get(key) ?? []) {
      pairs.add(word, -1);
      word.pieces = merged(word.pieces, [left, right], joined);
      pairs.add(word, 1);
    }
    pairs.words.delete(key);
    if (!known.has(key)) merges.push([left, right]);
    known.add(key);
  }
  return merges;
}

/** Counts items, most frequent first, equally frequent ones in order of code units. */
export function tally(items: Iterable<string>): [item: string, count: number][] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}
