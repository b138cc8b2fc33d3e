/**
 * An image encoder of an ONNX file, run by onnxruntime-node:
 *
 *     node --conditions=@blip2/source --import tsx src/onnx-encoder.ts encoder.onnx cat.png dog.png
 *
 * Its input is `pixel_values` [B,3,H,W], its output `feature_map` [B,D,h,w], as convolutional networks have them.
 */
import type { VisionModel } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { processor } from './processor.js';
import { trainWith } from './train-with.js';

async function onnxEncoder(file: string, width: number): Promise<VisionModel> {
  const session = await InferenceSession.create(file);
  return {
    width,
    processor,
    async encode(pixels) {
      const nchw = tf.transpose(pixels, [0, 3, 1, 2]);
      const input = new Tensor('float32', (await nchw.data()) as Float32Array, nchw.shape);
      nchw.dispose();
      const { feature_map } = await session.run({ pixel_values: input });
      if (!feature_map) throw new Error(`${file} has no output feature_map.`);
      const [B, D, h, w] = feature_map.dims as [number, number, number, number];
      const maps = feature_map.data as Float32Array;
      return tf.tidy(() => tf.reshape(tf.transpose(tf.tensor4d(maps, [B, D, h, w]), [0, 2, 3, 1]), [B, h * w, D]));
    },
    dispose: () => void session.release(),
  };
}

const [file, ...images] = process.argv.slice(2);
await trainWith(await onnxEncoder(file as string, 8), images);
