/**
 * An image encoder that is a LayersModel of TensorFlow.js, such as Keras models are converted to:
 *
 *     node --conditions=@blip2/source --import tsx src/layers-model.ts model.json cat.png dog.png
 */
import { readFile } from 'node:fs/promises';
import type { VisionModel } from '@blip2/training';
import { ensureBackend } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { processor } from './processor.js';
import { trainWith } from './train-with.js';

async function layersEncoder(artifacts: tf.io.ModelArtifacts): Promise<VisionModel> {
  await ensureBackend(); // before the weights, which are put into the backend
  const model = await tf.loadLayersModel(tf.io.fromMemory(artifacts));
  const width = model.outputs[0]?.shape.at(-1) as number;
  return {
    width,
    processor,
    encode: (pixels) => {
      const maps = model.predict(pixels) as tf.Tensor4D; // [B,h,w,D]
      return tf.reshape(maps, [maps.shape[0], -1, width]);
    },
    dispose: () => model.dispose(),
  };
}

const [file, ...images] = process.argv.slice(2);
const { weightData, ...rest } = JSON.parse(await readFile(file as string, 'utf8'));
await trainWith(await layersEncoder({ ...rest, weightData: Uint8Array.from(weightData).buffer }), images);
