/**
 * A Q-Former on an image encoder of one's own, EfficientNet-Lite0: what its queries see on a picture.
 *
 *     node --conditions=@blip2/source --import tsx examples/own-encoder.ts efficientnet-lite0-57934424.pth cat.jpg
 */
import { fileURLToPath } from 'node:url';
import { register } from '@blip2/backend-simd';
import { IMAGENET_MEAN, IMAGENET_STD } from '@blip2/data';
import { starterUrl } from '@blip2/starter';
import * as tf from '@tensorflow/tfjs';
import { compose, loadBert, look, type Vision } from 'blip2';
import { loadEfficientNetLite } from '../../vision/examples/efficientnet-lite.js';

const [weights, picture] = process.argv.slice(2);
if (!weights || !picture) throw new Error('Give the .pth of EfficientNet-Lite0 and a picture.');
await register();
await tf.setBackend('simd');

const vision: Vision = {
  ...(await loadEfficientNetLite(weights)),
  processor: {
    size: { width: 224, height: 224 },
    filter: 'bicubic',
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
    rescale: 1 / 255,
  },
};
const features = await look({ vision, processor: vision.processor }, [picture]); // [1,49,320]
console.log('features', features.shape, await tf.max(tf.abs(features)).data());

const text = await loadBert(fileURLToPath(starterUrl('bert')));
using parts = await compose({ vision, text, qformer: { layers: 4, hiddenSize: 192, heads: 6, intermediateSize: 768 } });
console.log('a Q-Former for it', parts.config.encoderWidth, Object.keys(parts.stage1).length, 'tensors to train');
process.exit(0);
