import { flatten, hash, initialize, mapFlat, type Spec, type Tree, unflatten } from '@blip2/tensor';
import { checkGradients, expectClose } from '@blip2/testing';
import { test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { captionPass, itmLogits, matchPass, qformerConfig, qformerSpec, queryPass } from './index.js';

const config = qformerConfig(
  { hidden_size: 8, num_attention_heads: 2, num_hidden_layers: 2, intermediate_size: 8, vocab_size: 9 },
  { queries: 2, maxPositions: 6, encoderWidth: 5, projectionSize: 4, dropout: 0.3, attentionDropout: 0.3 },
);
const spec = qformerSpec(config, 'retrieval');
const p = wide(spec);
const features = tf.randomNormal([2, 3, 5], 0, 1, 'float32', 7) as tf.Tensor3D;
const ids = tf.tensor2d([1, 5, 2, 1, 4, 0, 1, 2, 0], [3, 3], 'int32');
const mask = tf.tensor2d([1, 1, 1, 1, 1, 0, 1, 1, 0], [3, 3], 'int32');
const on = { training: true, seed: 11 };

/** Larger first values than training has, so that every path counts. */
function wide<S extends Spec>(spec: S) {
  const first = flatten(initialize(spec, 3) as Tree);
  return unflatten(
    spec,
    mapFlat(first, (x, path) => tf.add(x, tf.randomNormal(x.shape, 0, 0.5, 'float32', hash(3, path)))),
  );
}

test('with dropout on, rows that share images give them the right gradient', () => {
  const imageIndex = tf.tensor1d([1, 0, 1], 'int32');
  const loss = (x: tf.Tensor) =>
    tf.square(itmLogits(p, matchPass(p, config, { ids, mask, imageIndex, features: x as tf.Tensor3D }, on).output));
  checkGradients(loss, [features], { elements: 8 });
});

test('captions teach the query path through its cached keys and values', () => {
  const pair = { ids: tf.slice(ids, [0, 0], [2, 3]), mask: tf.slice(mask, [0, 0], [2, 3]) };
  const loss = (x: tf.Tensor) => {
    const { cache } = queryPass(p, config, x as tf.Tensor3D, on);
    return tf.square(captionPass(p, config, { ...pair, cache }, on).slice([0, 1, 0], [2, 1, 4]));
  };
  checkGradients(loss, [features], { elements: 8 });
});

test('gates of ones change no match, and the gradient reaches every one of them', () => {
  const [B, H, Q, L, N] = [2, 2, 2, 5, 3];
  const pair = { ids: tf.slice(ids, [0, 0], [B, 3]), mask: tf.slice(mask, [0, 0], [B, 3]), features };
  const shapes = [
    [B, H, L, L],
    [B, H, Q, N],
    [B, H, Q, L], // of the last layer, whose text rows nobody reads
  ];
  const match = (gates?: readonly tf.Tensor[]) => {
    const [self, cross, last] = (gates ?? []) as tf.Tensor4D[];
    const both = gates && { gates: [{ self, cross }, { self: last }] };
    return itmLogits(p, matchPass(p, config, pair, both).output);
  };
  const ones = shapes.map((shape) => tf.ones(shape));
  expectClose(match(ones), match(), 1e-6);
  checkGradients((...gates) => tf.square(match(gates as tf.Tensor[])), ones, { elements: 6 });
});
