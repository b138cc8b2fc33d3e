import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { reportSkipped, SKIPPED } from './check-data.js';

test('what is left out is listed, and the list of an earlier run does not stay where nothing is', async () => {
  const out = await mkdtemp(join(tmpdir(), 'blip2-skipped-'));
  try {
    const skipped = [{ id: 'cat.jpg', reason: 'it is no image.' }];
    reportSkipped({ name: 'photos', kept: 200, skipped }, { most: 0.01, out });
    expect(JSON.parse(await readFile(join(out, SKIPPED), 'utf8'))).toEqual(skipped[0]);
    reportSkipped({ name: 'photos', kept: 200, skipped: [] }, { most: 0.01, out });
    expect(await readdir(out)).toEqual([]);
  } finally {
    await rm(out, { recursive: true });
  }
});
