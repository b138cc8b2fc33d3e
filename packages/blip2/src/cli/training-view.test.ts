import { expect, test } from '@jest/globals';
import { type ReportedStep, TrainingView } from './training-view.js';

const step = (number: number, total: number, seconds = 0.5): ReportedStep => ({
  ...{ step: number, losses: { total, itc: total / 2 }, lr: 0.00184, gradNorm: 1.234, seconds, images: 32 },
});

test('losses with their course, learning rate, images per second', () => {
  const view = new TrainingView();
  expect([view.detail, view.lines]).toEqual(['', []]);
  for (const [i, total] of [8, 4, 2, 1].entries()) view.add(1, step(i + 1, total));
  expect(view.detail).toBe('total 1.000 itc 0.500, rate 0.0018, 64 images/s');
  expect(view.lines).toEqual(['total 1.000 itc 0.500  █▄▂▁', 'rate 0.0018, 64 images/s, gradient norm 1.2']);
});

test('the rate is that of the last steps, the curve has all steps of the stage', () => {
  const view = new TrainingView();
  for (let i = 1; i <= 300; i++) view.add(1, step(i, 300 - i, i > 280 ? 0.25 : 5));
  expect(view.detail).toContain('130 images/s');
  const drawn = view.lines[0]!.split('  ')[1]!;
  expect(drawn).toHaveLength(32);
  expect([drawn[0], drawn.at(-1)]).toEqual(['█', '▁']);
  view.add(2, step(1, Number.NaN));
  view.add(2, step(2, 3));
  expect(view.lines[0]).toBe('total 3.000 itc 1.500   ▁');
  expect(view.detail).toContain('64 images/s');
});
