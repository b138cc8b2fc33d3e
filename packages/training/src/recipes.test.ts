import { expect, test } from '@jest/globals';
import { type Recipe, recipeSchedule, recipes } from './recipes.js';

test('the schedules of the recipes are those of their sources', () => {
  const { steps, schedule } = recipeSchedule(recipes.stage1, 6000);
  expect(steps).toBe(60_000);
  const expected: [step: number, rate: number][] = [
    [0, 1e-6],
    [1, 1.0198e-6],
    [2500, 5.05e-5],
    [5999, 1e-4],
    [6000, 9.779754e-5],
    [59_999, 1.220246e-5],
  ];
  for (const [step, rate] of expected) expect(schedule(step) / rate).toBeCloseTo(1, 6);
  const paper = recipeSchedule(recipes['stage2-paper'], 1);
  expect([0, 2000, 80_000].map(paper.schedule)).toEqual([0, 1e-4, 5e-5]);
  expect(paper.steps).toBe(80_000);
});

test('pre-training leaves the image encoder frozen, and fine-tuning trains it', () => {
  for (const { task, parameters, layerDecay, start } of Object.values<Recipe>(recipes)) {
    const pretraining = task.startsWith('stage');
    expect([task, parameters.length]).toEqual([task, pretraining ? 0 : 1]);
    expect([task, start === 'frozen models']).toEqual([task, task === 'stage 1']);
    expect(layerDecay <= 1 && layerDecay >= 0.9).toBe(true);
  }
  expect(JSON.parse(JSON.stringify(recipes))).toEqual(recipes);
});
