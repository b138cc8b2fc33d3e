/**
 * A Q-Former on an image encoder of your own, EfficientNet-Lite0: encodes an image and composes a Q-Former for the encoder.
 *
 *     node --conditions=@blip2/source --import tsx examples/own-encoder.ts efficientnet-lite0-57934424.pth cat.jpg
 */
import { fileURLToPath } from 'node:url';
import { IMAGENET_MEAN, IMAGENET_STD } from '@blip2/data';
import { encodeImages } from '@blip2/models';
import { starterUrl } from '@blip2/starter';
import { compose, loadBert, useBackend, type VisionModel } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { loadEfficientNetLite } from '../../vision/examples/efficientnet-lite.js';

const [weights, image] = process.argv.slice(2);
if (!weights || !image) throw new Error('Give the .pth of EfficientNet-Lite0 and an image.');
await useBackend();

const vision: VisionModel = {
  ...(await loadEfficientNetLite(weights)),
  processor: {
    size: { width: 224, height: 224 },
    filter: 'bicubic',
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
    rescale: 1 / 255,
  },
};
const features = await encodeImages({ vision, processor: vision.processor }, [image]); // [1,49,320]
console.log('features', features.shape, await tf.max(tf.abs(features)).data());

const text = await loadBert(fileURLToPath(starterUrl('bert')));
using parts = await compose({ vision, text, qformer: { layers: 4, hiddenSize: 192, heads: 6, intermediateSize: 768 } });
console.log('a Q-Former for it', parts.config.encoderWidth, Object.keys(parts.stage1).length, 'tensors to train');
process.exit(0);
