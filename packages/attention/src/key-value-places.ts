/**
 * Where rows come to lie of which row i shall be what lies at `wanted[i]`: each place is taken over by the first that wants
 * it, and the others get copies in places that nobody wants.
 * @returns undefined when there are too few places
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
