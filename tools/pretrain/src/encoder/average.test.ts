import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialize, type Tree } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { expectNoLeak } from '@blip2/testing';
import { type EfficientNetConfig, efficientNetSpec, readVisionConfig } from '@blip2/vision';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { writeFolder } from '../folder.js';
import { averageEncoders } from './average.js';
import { configJson } from './config.js';

test('each weight is the mean of those of the encoders', async () => {
  const work = await mkdtemp(join(tmpdir(), 'blip2-average-'));
  const folders = ['a', 'b', 'c'].map((name) => join(work, name));
  try {
    for (const [seed, folder] of folders.entries()) {
      const encoder = initialize(efficientNetSpec(readVisionConfig(configJson) as EfficientNetConfig), seed);
      await writeFolder(folder, { 'config.json': configJson }, encoder as unknown as Tree);
      tf.dispose(encoder as never);
    }
    await expectNoLeak(() => averageEncoders(folders, join(work, 'mean')));
    const read = async (folder: string): Promise<Float32Array> => {
      const source = await openSafetensors(folder);
      const values = await source.read('blocks.3.depthwise.weight');
      await source.close();
      return values;
    };
    const each = await Promise.all(folders.map(read));
    const mean = await read(join(work, 'mean'));
    for (const [i, value] of mean.entries()) {
      expect(Math.abs(value - each.reduce((sum, values) => sum + values[i]!, 0) / 3)).toBeLessThan(1e-3);
    }
    expect(Math.max(...mean.map(Math.abs))).toBeGreaterThan(0.01);
  } finally {
    await rm(work, { recursive: true });
  }
});
