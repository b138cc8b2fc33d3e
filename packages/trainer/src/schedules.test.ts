import { expect, test } from '@jest/globals';
import { constantLr, cosineLr, epochCosineLr, epochStepLr } from './schedules.js';

const recipe = {
  learningRate: 1e-4,
  minLearningRate: 1e-5,
  warmupLearningRate: 1e-6,
  warmupSteps: 5000,
  stepsPerEpoch: 8000,
};

test('the epoch schedule has the values of the specification (4.4)', () => {
  const lr = epochCosineLr({ ...recipe, epochs: 10 });
  const close = (step: number, expected: number) => expect(Math.abs(lr(step) - expected)).toBeLessThan(1e-11);
  close(0, 1e-6);
  close(1, 1.0198e-6);
  close(2500, 5.05e-5);
  close(5000, 1e-4);
  close(7999, 1e-4);
  const epochs = [9.779754, 9.140576, 8.145034, 6.890576, 5.5, 4.109424, 2.854966, 1.859424, 1.220246];
  epochs.forEach((value, i) => {
    close((i + 1) * 8000, value * 1e-5);
    close((i + 2) * 8000 - 1, value * 1e-5);
  });
});

test('without a warm-up rate epoch 0 is constant; a warm-up longer than epoch 0 jumps', () => {
  expect(epochCosineLr({ learningRate: 1e-4, epochs: 3, stepsPerEpoch: 5, warmupSteps: 100 })(2)).toBe(1e-4);
  const lr = epochCosineLr({ ...recipe, stepsPerEpoch: 100, epochs: 10 });
  expect(lr(99)).toBeLessThan(3e-6);
  expect(lr(100)).toBeCloseTo(9.779754e-5, 10);
});

test('the step schedule decays by epoch down to the smallest rate', () => {
  const lr = epochStepLr({ ...recipe, decayRate: 0.5 });
  expect(lr(2500)).toBeCloseTo(5.05e-5, 12);
  expect(lr(8000)).toBeCloseTo(5e-5, 12);
  expect(lr(80000)).toBe(1e-5);
});

test('the paper warms up linearly and ends at the smallest rate', () => {
  const lr = cosineLr({ learningRate: 1e-4, minLearningRate: 5e-5, warmupSteps: 2000, steps: 80000 });
  expect([lr(0), lr(1000), lr(2000)]).toEqual([0, 5e-5, 1e-4]);
  expect(lr(41000)).toBeCloseTo(7.5e-5, 12);
  expect(lr(80000)).toBeCloseTo(5e-5, 12);
  expect(lr(90000)).toBeCloseTo(5e-5, 12);
  expect(constantLr(3)(7)).toBe(3);
});
