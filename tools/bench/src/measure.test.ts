import { expect, test } from '@jest/globals';
import { interleave, summary } from './measure.js';
import type { Sample } from './protocol.js';

test('contenders take turns, and a slow one stops at its budget with two samples at least', async () => {
  const order: string[] = [];
  const sampler = (name: string, ms: number, once = false) => ({
    once,
    sample: async (): Promise<Sample> => {
      order.push(name);
      return { ms, cpu_ms: ms / 2 };
    },
  });
  const all = [sampler('fast', 1), sampler('slow', 100), sampler('slowest', 1000, true)];
  const times = await interleave(all, { rounds: 5, budget: 50 });
  expect(order.slice(0, 5)).toEqual(['fast', 'slow', 'slowest', 'fast', 'slow']);
  expect(times.map(({ samples }) => samples)).toEqual([5, 2, 1]);
});

test('the median is the middle one, or lies between the two in the middle', () => {
  const of = (...times: number[]) => summary(times.map((ms) => ({ ms, cpu_ms: 10 - ms })));
  expect(of(3, 1, 2)).toEqual({ min: 1, median: 2, max: 3, samples: 3, cpu: 7 });
  expect(of(4, 1, 2, 3)).toMatchObject({ median: 2.5 });
});
