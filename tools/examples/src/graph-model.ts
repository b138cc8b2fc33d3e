/**
 * An image encoder that is a GraphModel of TensorFlow.js, such as SavedModels are converted to, run asynchronously:
 *
 *     node --conditions=@blip2/source --import tsx src/graph-model.ts model.json cat.png dog.png
 */
import { readFile } from 'node:fs/promises';
import type { VisionModel } from '@blip2/training';
import { ensureBackend } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { processor } from './processor.js';
import { trainWith } from './train-with.js';

async function graphEncoder(artifacts: tf.io.ModelArtifacts, width: number): Promise<VisionModel> {
  await ensureBackend(); // before the weights, which are put into the backend
  const model = await tf.loadGraphModel(tf.io.fromMemory(artifacts));
  return {
    width,
    processor,
    encode: async (pixels) => {
      const maps = (await model.executeAsync(pixels)) as tf.Tensor4D; // [B,h,w,D]
      const features = tf.reshape(maps, [maps.shape[0], -1, width]) as tf.Tensor3D;
      maps.dispose();
      return features;
    },
    dispose: () => model.dispose(),
  };
}

const [file, ...images] = process.argv.slice(2);
const { weightData, ...rest } = JSON.parse(await readFile(file as string, 'utf8'));
await trainWith(await graphEncoder({ ...rest, weightData: Uint8Array.from(weightData).buffer }, 8), images);
