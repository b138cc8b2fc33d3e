import { dispose, flatten, initialize, unflatten, valueAndGrads } from '@blip2/tensor';
import { checkGradients, expectClose } from '@blip2/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { optConfig } from './config.js';
import { optForward } from './forward.js';
import { optEmbed, optLogits } from './logits.js';
import { positionRows } from './positions.js';
import { type OptParams, optSpec } from './spec.js';

const json = { vocab_size: 9, hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2, ffn_dim: 12 };
const config = optConfig({
  ...json,
  max_position_embeddings: 10,
  init_std: 0.4,
  activation_function: 'gelu',
  attention_dropout: 0.2,
});
const spec = optSpec(config);
let params: OptParams;
let ids: tf.Tensor;
let mask: tf.Tensor;

beforeAll(async () => {
  await tf.setBackend('cpu');
  params = initialize(spec, 3);
  ids = tf.tensor2d([1, 2, 5, 7, 2, 8, 3, 1], [2, 4], 'int32');
  mask = tf.tensor2d([0, 1, 1, 1, 1, 1, 1, 0], [2, 4], 'int32');
});
afterAll(() => dispose([ids, mask, ...Object.values(flatten(params))]));

test('positions count what is kept, and pads have row 1', () => {
  tf.tidy(() => {
    const mask = tf.tensor2d([[1, 1, 1, 1, 0, 0, 1, 1, 1]]);
    expect(positionRows(mask, 9).arraySync()).toEqual([[2, 3, 4, 5, 1, 1, 6, 7, 8]]);
    expect(positionRows(mask, 2).arraySync()).toEqual([[7, 8]]);
    expect(positionRows(mask, 2).dtype).toBe('int32');
  });
});

test('logits are differentiable by every parameter', () => {
  const flat = flatten(params);
  const weights = tf.tidy(() => tf.mul(tf.randomNormal([2, 4, 9], 0, 1, 'float32', 5), tf.expandDims(mask, 2)));
  const loss = (p: OptParams): tf.Scalar => tf.tidy(() => tf.sum(tf.mul(weights, optLogits(p, config, { ids, mask }))));
  const names = ['model.decoder.embed_tokens.weight', 'model.decoder.embed_positions.weight'];
  for (const name of [...names, 'model.decoder.layers.0.fc1.weight', 'model.decoder.layers.1.self_attn.v_proj.bias']) {
    const fn = (x: tf.Tensor): tf.Scalar => loss(unflatten(spec, { ...flat, [name]: x }));
    tf.tidy(() => checkGradients(fn, [flat[name] as tf.Tensor], { elements: 8 }));
  }
  const { terms, grads } = valueAndGrads(() => ({ total: loss(params) }), flat);
  expect(Object.keys(grads)).toEqual(Object.keys(flat));
  dispose([weights, ...Object.values(terms), ...Object.values(grads)]);
});

test('a token changes nothing before it', () => {
  tf.tidy(() => {
    const other = tf.tensor2d([1, 2, 5, 4, 2, 8, 3, 6], [2, 4], 'int32');
    const a = tf.slice(optLogits(params, config, { ids }), [0, 0, 0], [-1, 3, -1]);
    const b = tf.slice(optLogits(params, config, { ids: other }), [0, 0, 0], [-1, 3, -1]);
    expectClose(a, b, 1e-6);
  });
});

test('only the last positions are the same last positions', () => {
  tf.tidy(() => {
    const embeddings = optEmbed(params, ids);
    const whole = optForward(params, config, { embeddings, mask }).hidden;
    const last = optForward(params, config, { embeddings, mask, last: 2 }).hidden;
    expectClose(last, tf.slice(whole, [0, 2, 0], [-1, 2, -1]), 1e-5);
  });
});

test('dropout is what its seed says, and none without a seed', () => {
  tf.tidy(() => {
    const run = (dropoutSeed?: number): Float32Array =>
      optLogits(params, config, { ids, dropoutSeed }).dataSync() as Float32Array;
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
    expect(run(1)).not.toEqual(run());
  });
});

test.each([
  [[2, 4, 7], undefined, 'embeddings [B,L,8], not [2,4,7]'],
  [[2, 4, 8], [2, 5], 'a mask [2,4] of past and new columns, not [2,5]'],
  [[1, 11, 8], undefined, '11 tokens are more than the 10 positions'],
])('refuses %j with mask %j', (shape, maskShape, message) => {
  tf.tidy(() => {
    const input = { embeddings: tf.zeros(shape), mask: maskShape && tf.ones(maskShape) };
    expect(() => optForward(params, config, input)).toThrow(message);
  });
});
