/**
 * A module for `--vision` of blip2's command line: an image encoder of an ONNX file, run by onnxruntime-node.
 *
 *     ENCODER=encoder.onnx blip2 train --data photos/ --preset small --vision vision-module.js --out runs/mine
 *     ENCODER=encoder.onnx blip2 caption cat.jpg --model runs/mine --vision vision-module.js
 *
 * Its input is `pixel_values` [B,3,H,W], its output `feature_map` [B,D,h,w].
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** blip2 calls it with the TensorFlow.js that it computes with; a module that imports its own would have another engine. */
export default async function encoder({ tf }) {
  const file = await readFile(process.env.ENCODER);
  const session = await InferenceSession.create(file);
  return {
    name: 'my encoder', // what trained models call it
    fingerprint: createHash('sha256').update(file).digest('hex'), // cached features belong to these weights
    width: 8,
    processor: {
      size: { width: 32, height: 32 },
      filter: 'bicubic',
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      rescale: 1 / 255,
    },
    async encode(pixels) {
      const nchw = tf.transpose(pixels, [0, 3, 1, 2]);
      const input = new Tensor('float32', await nchw.data(), nchw.shape);
      nchw.dispose();
      const { feature_map } = await session.run({ pixel_values: input });
      const [B, D, h, w] = feature_map.dims;
      const nhwc = tf.tidy(() => tf.transpose(tf.tensor4d(feature_map.data, [B, D, h, w]), [0, 2, 3, 1]));
      const features = tf.reshape(nhwc, [B, h * w, D]);
      nhwc.dispose();
      return features;
    },
    dispose: () => void session.release(),
  };
}
