import type { Random } from '../random.js';
import type { Split } from '../vendors.js';
import { countHeldOut, type Group, type Place, pairHeldOut, placeHeldOut, places } from './combinations.js';
import { loadNouns, type Noun } from './vocabulary.js';

/** What a scene shows, before it is laid out or put into words. */
export interface Plan {
  /** What the caption is about, and at what side it is: of the image, or of `other`; null where it is all over the image. */
  readonly subject: Group;
  readonly place: Place | null;
  readonly other: Group | null;
  /** Whether 'where' is asked about `other` too. */
  readonly askOther: boolean;
  /** The answer to 'is there'. */
  readonly present: boolean;
}

/**
 * Twelve scenes in which every count is asked three times and 'where' twelve times: six of one kind, six of two.
 * `count` is that of the subject.
 */
const cycle: readonly { count: number; pair: boolean; askOther: boolean }[] = [
  { count: 1, pair: false, askOther: false },
  { count: 1, pair: true, askOther: true },
  { count: 4, pair: false, askOther: false },
  { count: 2, pair: true, askOther: true },
  { count: 2, pair: false, askOther: false },
  { count: 3, pair: true, askOther: true },
  { count: 4, pair: false, askOther: false },
  { count: 1, pair: true, askOther: true },
  { count: 3, pair: false, askOther: false },
  { count: 2, pair: true, askOther: true },
  { count: 4, pair: false, askOther: false },
  { count: 3, pair: true, askOther: false },
];

/** After so many scenes every answer of 'where', 'how many' and 'is there' has come equally often. */
export const balancePeriod = cycle.length * 8;

/** Chooses the answers by the index, then what to show so that they are true and the combination is of the split. */
export function plan(index: number, split: Split, random: Random): Plan {
  const slot = index % cycle.length;
  const round = Math.floor(index / cycle.length);
  const { count, pair, askOther } = cycle[slot]!;
  const place = places[(round + slot) % places.length]!;
  const present = (Math.floor(slot / 2) + round + Math.floor(round / places.length)) % 2 === 0;
  const held = split === 'test';
  const nouns = loadNouns();
  if (pair) {
    const otherCount = 1 + random.below(4 - count);
    const fits = (a: Noun, b: Noun) =>
      a !== b && pairHeldOut(a, b) === held && (held || (countHeldOut(a) !== count && countHeldOut(b) !== otherCount));
    const [a, b] = draw(
      () => [random.pick(nouns), random.pick(nouns)] as const,
      ([x, y]) => fits(x, y),
    );
    const groups = { subject: { noun: a, count }, other: { noun: b, count: otherCount } };
    return { ...groups, place, askOther, present };
  }
  const isHeldOut = (noun: Noun) => (count === 1 ? placeHeldOut(noun) === place : countHeldOut(noun) === count);
  const noun = draw(
    () => random.pick(nouns),
    (candidate) => isHeldOut(candidate) === held,
  );
  return { subject: { noun, count }, place: count === 1 ? place : null, other: null, askOther, present };
}

function draw<T>(sample: () => T, fits: (value: T) => boolean): T {
  for (;;) {
    const value = sample();
    if (fits(value)) return value;
  }
}
