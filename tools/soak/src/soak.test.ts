import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { soak } from './soak.js';

test('a run that is killed five times and resumed ends as one that is not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blip2-soak-'));
  try {
    const result = await soak({ folder, kills: 5, seed: 3, images: 24, steps: 6 });
    expect(result).toMatchObject({ kills: 5, differences: [] });
    expect(result.runs).toBeGreaterThanOrEqual(1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 300_000);
