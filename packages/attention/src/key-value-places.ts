/**
 * Assigns places to rows, where row i shall have the content of place `wanted[i]`: the first row that wants a place keeps it,
 * and others are copied to unused places.
 * @returns the place of each row and the copies to make; undefined where there are too few places
 */
export function placesFor(
  wanted: readonly number[],
  places: number,
): { slots: number[]; from: number[]; to: number[] } | undefined {
  if (wanted.length > places) return undefined;
  const taken = new Set<number>();
  const kept = new Set(wanted);
  const free = Array.from({ length: places }, (_, i) => i).filter((place) => !kept.has(place));
  const from: number[] = [];
  const to: number[] = [];
  const slots = wanted.map((place) => {
    if (!taken.has(place)) {
      taken.add(place);
      return place;
    }
    from.push(place);
    to.push(free.shift() as number);
    return to.at(-1) as number;
  });
  return { slots, from, to };
}
