import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspectModel } from '@blip2/models';
import { expect, test } from '@jest/globals';
import { makeTrueSize } from './make.js';

test('a sparse folder has everything that a true one has, and no data', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blip2-size-'));
  try {
    await makeTrueSize('blip2-itm-vit-g-coco', folder, { sparse: true });
    const [found] = await inspectModel(folder);
    expect(found).toMatchObject({ parameters: 1_172_623_618, missing: [], unused: [], misshaped: [] });
    expect(found?.note).toBeUndefined();
    const { size, blocks } = await stat(join(folder, 'model-00001-of-00002.safetensors'));
    expect(size).toBeGreaterThan(1e9);
    expect(blocks * 512).toBeLessThan(1e6);
  } finally {
    await rm(folder, { recursive: true });
  }
});
