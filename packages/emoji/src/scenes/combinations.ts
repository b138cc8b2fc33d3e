import { hash } from '../random.js';
import type { Noun } from './vocabulary.js';

/** Where a thing is: in the image, or relative to another thing. */
export type Place = 'left' | 'right' | 'top' | 'bottom';
export const places: readonly Place[] = ['left', 'right', 'top', 'bottom'];
export const opposite: { readonly [P in Place]: Place } = {
  left: 'right',
  right: 'left',
  top: 'bottom',
  bottom: 'top',
};

/** So many of one kind. */
export interface Group {
  readonly noun: Noun;
  readonly count: number;
}

const salt = 20230130;

/** Two kinds in one image, in whatever numbers and wherever: a fifth of the pairs is held out for the test. */
export function pairHeldOut(a: Noun, b: Noun): boolean {
  return hash(salt, [a.one, b.one].sort().join('+')) % 5 === 0;
}

/** The number from 2 to 4 in which a kind is shown in the test only, alone or beside another kind. */
export function countHeldOut(noun: Noun): number {
  return 2 + (hash(salt, `count of ${noun.one}`) % 3);
}

/** The side of the image at which one of a kind, alone, is shown in the test only. */
export function placeHeldOut(noun: Noun): Place {
  return places[hash(salt, `place of ${noun.one}`) % places.length]!;
}
