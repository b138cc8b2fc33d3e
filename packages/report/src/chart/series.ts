import type { CurveStep } from '../types.js';

/** A point of a line. */
export interface Point {
  readonly x: number;
  /** Not finite where a value is missing. */
  readonly y: number;
}

/** A named line. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

/** Collects each loss over the steps, `total` first. A total that equals the only term is left out. */
export function lossSeries(steps: readonly CurveStep[]): Series[] {
  const names = new Set(steps.flatMap(({ losses }) => Object.keys(losses)));
  const ordered = ['total', ...[...names].filter((name) => name !== 'total')].filter((name) => names.has(name));
  const all = ordered.map((name) => ({
    name,
    points: steps.map(({ step, losses }) => ({ x: step, y: losses[name] ?? Number.NaN })),
  }));
  const [total, term, ...others] = all;
  const same = total?.name === 'total' && term && total.points.every(({ y }, i) => Object.is(y, term.points[i]!.y));
  return same && others.length === 0 ? [term] : all;
}

/** Computes the centered moving average over `window` points, ignoring missing values. */
export function smooth(points: readonly Point[], window: number): Point[] {
  const reach = Math.floor(window / 2);
  const sums = [0];
  const counts = [0];
  points.forEach(({ y }, i) => {
    const finite = Number.isFinite(y);
    sums.push(sums[i]! + (finite ? y : 0));
    counts.push(counts[i]! + (finite ? 1 : 0));
  });
  return points.map(({ x, y }, i) => {
    if (reach === 0 || !Number.isFinite(y)) return { x, y };
    const from = Math.max(0, i - reach);
    const to = Math.min(points.length, i + reach + 1);
    return { x, y: (sums[to]! - sums[from]!) / (counts[to]! - counts[from]!) };
  });
}

/** At most about `limit` points: of each run of neighbors the lowest and the highest, so that no spike is lost. */
export function downsample(points: readonly Point[], limit = 400): readonly Point[] {
  if (points.length <= limit) return points;
  const size = Math.ceil((2 * points.length) / limit);
  const kept: Point[] = [];
  for (let start = 0; start < points.length; start += size) {
    const run = points.slice(start, start + size);
    const finite = run.filter(({ y }) => Number.isFinite(y));
    if (finite.length < run.length) kept.push(run.find(({ y }) => !Number.isFinite(y))!);
    const [first = run[0]!] = finite;
    const low = finite.reduce((best, point) => (point.y < best.y ? point : best), first);
    const high = finite.reduce((best, point) => (point.y > best.y ? point : best), first);
    kept.push(...(low === high ? [low] : [low, high]));
  }
  const last = points.at(-1)!;
  return [...new Set([points[0]!, ...kept, last])].sort((a, b) => a.x - b.x);
}

/** How many steps a line's points are means of: none in short runs, about a thirtieth of long ones. Odd. */
export function smoothingWindow(steps: number): number {
  return 2 * Math.floor(steps / 60) + 1;
}
