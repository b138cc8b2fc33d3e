import { expect, test } from '@jest/globals';
import { toText } from '../html.js';
import { curvesSection } from '../sections/curves.js';
import { readPage } from '../testing/page.js';
import type { CurveStep } from '../types.js';
import { linePath, spread } from './path.js';
import { niceTicks, tightScale } from './scale.js';
import { downsample, lossSeries, smooth, smoothingWindow } from './series.js';

const same = (value: number) => value;
const at = (step: number, losses: Record<string, number>): CurveStep => ({ step, losses, lr: 1e-4 });

async function draw(steps: readonly CurveStep[]): Promise<string> {
  return `<!doctype html>${await toText(curvesSection([{ stage: 1, steps }])!.body)}`;
}

function expectDrawn(text: string): void {
  const { problems, elements } = readPage(text);
  expect(problems).toEqual([]);
  for (const { attributes } of elements) {
    for (const name of ['d', 'x', 'y', 'x1', 'x2', 'y1', 'y2'])
      expect(attributes[name] ?? '').not.toMatch(/NaN|Inf|undef/);
  }
}

test('ticks are round and hold the data', () => {
  expect(niceTicks(0, 12.4)).toEqual([0, 5, 10, 15]);
  expect(niceTicks(0, 0.66)).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
  expect(niceTicks(-3, 2)).toEqual([-3, -2, -1, 0, 1, 2]);
  expect(niceTicks(7, 7)).toEqual([6, 8]);
  expect(niceTicks(0, 0).length).toBeGreaterThan(1);
});

test('a tight scale keeps to the data and its ticks inside', () => {
  const { ticks, at: place } = tightScale(1, 300, [0, 100]);
  expect(ticks).toEqual([100, 200, 300]);
  expect([place(1), place(300), place(999)]).toEqual([0, 100, 100]);
  expect(tightScale(4, 4, [0, 100]).ticks).toEqual([4]);
});

test('a path breaks at gaps and shows lone points', () => {
  const points = [1, 2, Number.NaN, 4, Number.NaN, 6].map((y, x) => ({ x, y }));
  expect(linePath(points, same, same)).toBe('M0 1L1 2M3 4h0M5 6h0');
  expect(linePath([{ x: 0, y: Number.POSITIVE_INFINITY }], same, same)).toBe('');
});

test('smoothing is a mean over neighbors and keeps gaps', () => {
  const points = [0, 3, 6, Number.NaN, 9].map((y, x) => ({ x, y }));
  expect(smooth(points, 3).map(({ y }) => y)).toEqual([1.5, 3, 4.5, Number.NaN, 9]);
  expect([1, 59, 60, 300].map(smoothingWindow)).toEqual([1, 1, 3, 11]);
});

test('downsampling keeps ends, spikes and gaps', () => {
  const points = Array.from({ length: 10_000 }, (_, x) => ({ x, y: Math.sin(x / 900) }));
  points[5_003] = { x: 5_003, y: 40 };
  points[7_001] = { x: 7_001, y: Number.NaN };
  const kept = downsample(points, 400);
  expect(kept.length).toBeLessThanOrEqual(404);
  expect([kept[0]!.x, kept.at(-1)!.x]).toEqual([0, 9_999]);
  expect(kept).toContain(points[5_003]);
  expect(kept).toContain(points[7_001]);
  expect(kept.every(({ x }, i) => i === 0 || x > kept[i - 1]!.x)).toBe(true);
});

test('labels are moved apart and stay above the bottom', () => {
  expect(spread([10, 12, 50], 14, 100)).toEqual([10, 24, 50]);
  expect(spread([99, 98, 20], 14, 100)).toEqual([100, 86, 20]);
});

test('the total comes first, and goes where it is the only term again', () => {
  const names = (losses: Record<string, number>) => lossSeries([at(1, losses)]).map(({ name }) => name);
  expect(names({ itc: 1, total: 3, itm: 2 })).toEqual(['total', 'itc', 'itm']);
  expect(names({ total: 3, lm: 3 })).toEqual(['lm']);
  expect(names({ total: 3, lm: 2 })).toEqual(['total', 'lm']);
});

test('one step is drawn as dots', async () => {
  const text = await draw([at(1, { total: 3, itc: 1 })]);
  expectDrawn(text);
  expect(text.match(/class="mean" d="M[^"]*h0"/g)).toHaveLength(2);
});

test('losses that are not finite leave gaps and are counted', async () => {
  const text = await draw([
    at(1, { total: 3 }),
    at(2, { total: Number.NaN }),
    at(3, { total: Number.POSITIVE_INFINITY }),
  ]);
  expectDrawn(text);
  expect(text).toContain('2 steps had a loss that is not a finite number.');
  expectDrawn(await draw([at(1, { total: Number.NaN }), { ...at(2, { total: Number.NaN }), lr: Number.NaN }]));
});

test('constant, negative and no losses are drawn', async () => {
  expectDrawn(await draw([at(1, { total: 0 }), at(2, { total: 0 })]));
  expectDrawn(await draw([at(1, { total: -2 }), at(2, { total: -1e-9 })]));
  expectDrawn(await draw([at(1, {}), at(1, {})]));
});

test('a long run is drawn short', async () => {
  const steps = Array.from({ length: 20_000 }, (_, i) =>
    at(i + 1, { total: 1 + Math.sin(i), a: 2, b: Math.cos(i), c: 3 }),
  );
  expect((await draw(steps)).length).toBeLessThan(80_000);
});
