/**
 * An image encoder of @huggingface/transformers, from a local folder, without any network:
 *
 *     node --conditions=@blip2/source --import tsx src/transformers.ts models/vit cat.png dog.png
 *
 * The folder has `config.json` and `onnx/model.onnx`, as models of transformers.js do.
 */
import type { VisionModel } from '@blip2/training';
import { AutoModel, env, Tensor } from '@huggingface/transformers';
import * as tf from '@tensorflow/tfjs';
import { processor } from './processor.js';
import { trainWith } from './train-with.js';

async function transformersEncoder(folder: string, width: number): Promise<VisionModel> {
  env.allowRemoteModels = false;
  env.useFSCache = false;
  const model = await AutoModel.from_pretrained(folder, { dtype: 'fp32', device: 'cpu' });
  return {
    width,
    processor,
    async encode(pixels) {
      const nchw = tf.transpose(pixels, [0, 3, 1, 2]);
      const pixel_values = new Tensor('float32', (await nchw.data()) as Float32Array, nchw.shape);
      nchw.dispose();
      const { last_hidden_state } = await model({ pixel_values });
      return tf.tensor3d(last_hidden_state.data, last_hidden_state.dims);
    },
    dispose: () => void model.dispose(),
  };
}

const [folder, ...images] = process.argv.slice(2);
await trainWith(await transformersEncoder(folder as string, 8), images);
