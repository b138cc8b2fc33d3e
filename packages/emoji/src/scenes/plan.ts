import type { Random } from '../random.js';
import type { Split } from '../vendors.js';
import { countHeldOut, type Group, type Place, pairHeldOut, placeHeldOut, places } from './combinations.js';
import type { Noun } from './vocabulary.js';

/** The content of a scene, from which layout, caption and questions are derived. */
export interface Plan {
  /** The objects that the caption begins with. */
  readonly subject: Group;
  /** Position of the subject within the image or relative to `other`; null where it is spread over the image. */
  readonly place: Place | null;
  /** The second group, or null. */
  readonly other: Group | null;
  /** Whether a 'where' question is asked about `other` too. */
  readonly askOther: boolean;
  /** Whether the answer to 'is there' is yes. */
  readonly present: boolean;
}

/**
 * Twelve scenes, six of one kind and six of two, in which each count is asked for three times and a position twelve times.
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

/** Number of scenes after which the answers of 'where', 'how many' and 'is there' are uniformly distributed. */
export const balancePeriod = cycle.length * 8;

/** Plans a scene of some nouns: the index determines the answers, and the random numbers objects for which they are true. */
export function plan(
  index: number,
  { split, nouns }: { readonly split: Split; readonly nouns: readonly Noun[] },
  random: Random,
): Plan {
  const slot = index % cycle.length;
  const round = Math.floor(index / cycle.length);
  const { count, pair, askOther } = cycle[slot]!;
  const place = places[(round + slot) % places.length]!;
  const present = (Math.floor(slot / 2) + round + Math.floor(round / places.length)) % 2 === 0;
  const heldOut = split === 'test';
  if (pair) {
    const otherCount = 1 + random.below(4 - count);
    const fits = (a: Noun, b: Noun) =>
      a !== b &&
      pairHeldOut(a, b) === heldOut &&
      (heldOut || (countHeldOut(a) !== count && countHeldOut(b) !== otherCount));
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
    (candidate) => isHeldOut(candidate) === heldOut,
  );
  return { subject: { noun, count }, place: count === 1 ? place : null, other: null, askOther, present };
}

function draw<T>(sample: () => T, fits: (value: T) => boolean): T {
  for (;;) {
    const value = sample();
    if (fits(value)) return value;
  }
}
