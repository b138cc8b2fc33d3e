import { join } from 'node:path';
import { applyProcessor, decodeImage, readProcessor, toPixels } from '@blip2/data';
import * as tf from '@tensorflow/tfjs';
import type { Checks } from '../checks.js';
import type { Folder } from '../folder.js';
import { textsOf } from '../json.js';

/** The golden pixels [B,H,W,3], held beside what the folder's processor makes of the photographs. */
export async function imagesOf(folder: Folder, checks: Checks): Promise<tf.Tensor4D> {
  const name = 'pixel_values';
  checks.input(name);
  await checks.section(name, async () => {
    const made = await process(folder);
    await checks.tensor(name, tf.transpose(made, [0, 3, 1, 2]));
  });
  return folder.images(name);
}

async function process(folder: Folder): Promise<tf.Tensor4D> {
  const processor = await readProcessor(folder.path);
  const files = textsOf(folder.golden, 'images').map((file) => join(folder.photos, file));
  const images = await Promise.all(files.map(async (file) => applyProcessor(await decodeImage(file), processor)));
  return toPixels(images, processor);
}
