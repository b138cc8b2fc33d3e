import { expect, test } from '@jest/globals';
import { type Costs, neededBandwidth, stepCost } from './cost-model.js';

const costs: Costs = {
  secondsPerPair: 1,
  parameters: 1e6,
  batch: 100,
  imageValues: 1000,
  contrastValues: 100,
  contrastOperations: 1000,
  operationsPerSecond: 1e9,
  backwardShare: 0.5,
  hidden: 0.8,
};
const network = { bandwidth: 1e6, latency: 0 };

test('one machine exchanges nothing', () => {
  expect(stepCost(costs, network, 1)).toMatchObject({ compute: 100, gather: 0, reduce: 0, sent: 0, contrast: 0.01 });
});

test('a ring sends nearly twice the gradients, and hides them only as far as the backward pass lasts', () => {
  const two = stepCost(costs, network, 2);
  expect(two.sent).toBe(4e6 + 4 * 100 * 1100 * 0.5);
  expect(two.reduce).toBeCloseTo(4 * 0.2);
  const hundred = stepCost(costs, network, 100);
  expect(hundred.reduce).toBeCloseTo(8 * 0.99 - 0.5); // half a second of backward pass
  expect(hundred.efficiency).toBeLessThan(two.efficiency);
});

test('with the bandwidth that is needed, communication takes as long as computing', () => {
  const bandwidth = neededBandwidth(costs, 20, 0);
  const { compute, gather, reduce } = stepCost(costs, { bandwidth, latency: 0 }, 20);
  expect((gather + reduce) / compute).toBeCloseTo(1, 3);
});
