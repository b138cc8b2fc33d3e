import { hash } from '../random.js';
import type { Noun } from './vocabulary.js';

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

/** Whether two kinds appear together in the test split only; a fifth of the pairs does. */
export function pairHeldOut(a: Noun, b: Noun): boolean {
  return hash(salt, [a.one, b.one].sort().join('+')) % 5 === 0;
}

/** Returns the count from 2 to 4 in which a kind appears in the test split only. */
export function countHeldOut(noun: Noun): number {
  return 2 + (hash(salt, `count of ${noun.one}`) % 3);
}

/** Returns the side of the image at which a single object of a kind appears in the test split only. */
export function placeHeldOut(noun: Noun): Place {
  return places[hash(salt, `place of ${noun.one}`) % places.length]!;
}
