import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchers } from '@blip2/testing/mpi';
import { expect, test } from '@jest/globals';
import { soak } from './soak.js';

const [launcher] = launchers();
if (!launcher) console.warn('No MPI is installed: the test that kills one of two processes is skipped.');

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

(launcher ? test : test.skip)(
  'so does one of two processes, of which one or both are killed',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blip2-soak-'));
    try {
      const together = { launcher: launcher!, processes: 2 };
      const result = await soak({ folder, kills: 3, seed: 5, images: 24, steps: 4, together });
      expect(result).toMatchObject({ kills: 3, differences: [] });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  300_000,
);
