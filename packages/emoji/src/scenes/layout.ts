import type { Emoji } from '../entries.js';
import type { Random } from '../random.js';
import type { Vendor } from '../vendors.js';
import type { Group } from './combinations.js';
import type { Plan } from './plan.js';

/** An emoji placed in a scene; lengths are fractions of the image's side. */
export interface PlacedEmoji {
  readonly entry: Emoji;
  readonly vendor: Vendor;
  /** Center of the drawing. */
  readonly x: number;
  readonly y: number;
  /** Longer side of the drawing. */
  readonly size: number;
}

interface Spot {
  /** Along the axis of the relation, and across it. */
  along: number;
  across: number;
  size: number;
}

const unit = 1 / 28; // sizes are multiples of it, so that scenes share sprites: 4 pixels of 112
const quarters = [0.25, 0.75];
const corners: readonly (readonly [number, number])[] = quarters.flatMap((a) => quarters.map((b) => [a, b] as const));

/** Places the objects of a plan without overlap, each group drawn by one of `vendors`. */
export function placeEmoji(plan: Plan, vendors: readonly Vendor[], random: Random): PlacedEmoji[] {
  const { subject, place, other } = plan;
  const horizontal = place === 'left' || place === 'right';
  const first = place === 'left' || place === 'top' ? 0.25 : 0.75;
  const put = ({ noun }: Group, spots: Spot[]): PlacedEmoji[] => {
    const vendor = random.pick(vendors);
    return spots.map(({ along, across, size }) => {
      const [x, y] = horizontal ? [along, across] : [across, along];
      return { entry: noun.entry, vendor, x, y, size };
    });
  };
  if (!place) return put(subject, scattered(subject.count, random));
  if (!other) return put(subject, inHalf(1, first, random));
  return [...put(subject, inHalf(subject.count, first, random)), ...put(other, inHalf(other.count, 1 - first, random))];
}

/** Returns up to four spots of equal size in the quadrants. */
function scattered(count: number, random: Random): Spot[] {
  const size = unit * (10 + random.below(4));
  const free = 0.24 - size / 2;
  const chosen = random.shuffle(corners).slice(0, count);
  return chosen.map(([a, b]) => ({ along: a + jitter(free, random), across: b + jitter(free, random), size }));
}

/** Returns up to three spots of equal size in a row within the half whose center is `along`. */
function inHalf(count: number, along: number, random: Random): Spot[] {
  const size = unit * (count === 1 ? 11 + random.below(4) : count === 2 ? 10 + random.below(4) : 9);
  const pitch = 1 / count;
  const spare = count === 1 ? 0.15 : pitch / 2 - size / 2 - 0.005;
  const free = Math.max(0, 0.24 - size / 2);
  return Array.from({ length: count }, (_, i) => ({
    along: along + jitter(free, random),
    across: (i + 0.5) * pitch + jitter(spare, random),
    size,
  }));
}

function jitter(reach: number, random: Random): number {
  return random.between(-reach, reach);
}
