import { hash } from '../random.js';
import { loadNouns, type Noun } from './vocabulary.js';

/** The position of an object: within the image, or relative to another object. */
export type Place = 'left' | 'right' | 'top' | 'bottom';
export const places: readonly Place[] = ['left', 'right', 'top', 'bottom'];
export const opposite: { readonly [P in Place]: Place } = {
  left: 'right',
  right: 'left',
  top: 'bottom',
  bottom: 'top',
};

/** A number of objects of one kind. */
export interface Group {
  readonly noun: Noun;
  readonly count: number;
}

const salt = 20230130;

let tested: ReadonlySet<string> | undefined;

/** Whether the test shows a kind: combinations of others need not be kept for it. */
function isTested({ one }: Noun): boolean {
  tested ??= new Set(loadNouns().map((noun) => noun.one));
  return tested.has(one);
}

/** Whether two kinds of {@link loadNouns} appear together in the test split only; a fifth of the pairs does. */
export function pairHeldOut(a: Noun, b: Noun): boolean {
  return isTested(a) && isTested(b) && hash(salt, [a.one, b.one].sort().join('+')) % 5 === 0;
}

/** Returns the count from 2 to 4 in which a kind appears in the test split only, never in training; undefined for kinds that the test never shows. */
export function countHeldOut(noun: Noun): number | undefined {
  if (!isTested(noun)) return undefined;
  return 2 + (hash(salt, `count of ${noun.one}`) % 3);
}

/** Returns the side of the image at which a single object of a kind appears in the test split only; undefined as for counts. */
export function placeHeldOut(noun: Noun): Place | undefined {
  if (!isTested(noun)) return undefined;
  return places[hash(salt, `place of ${noun.one}`) % places.length]!;
}
