import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { measureLoading } from './measure.js';

test('a folder is read and loaded in turn, and the memory that its model takes is measured', async () => {
  const { bytes, read, load, ratio } = await measureLoading(fixture('hf-opt'), { pairs: 1, tokens: 2 });
  expect(bytes).toBeGreaterThan(100_000);
  expect([read.length, load.length]).toEqual([1, 1]);
  const [{ seconds, silence, resident, heap }] = load as [(typeof load)[number]];
  expect(ratio).toBeCloseTo(read[0]!.seconds / seconds);
  expect(silence).toBeLessThan(seconds);
  expect(heap).toBeGreaterThan(bytes / 2);
  expect(resident.peak).toBeGreaterThanOrEqual(Math.max(resident.before, resident.loaded));
}, 60_000);
