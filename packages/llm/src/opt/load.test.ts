import { BindError } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { memoryFile as file } from '../../test/memory-file.js';
import { optConfig } from './config.js';
import { loadOpt } from './load.js';
import { optSpec } from './spec.js';

const small = { vocab_size: 11, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, ffn_dim: 12 };
const config = optConfig({ ...small, max_position_embeddings: 16 });

const firstLogits = (model: Awaited<ReturnType<typeof loadOpt>>): Float32Array =>
  tf.tidy(() => {
    const state = model.start({ promptIds: tf.tensor2d([[2, 3]], undefined, 'int32') });
    const values = Float32Array.from(state.logits.dataSync());
    state.dispose();
    return values;
  });

test('a tied head that lies in the file as well is passed over', async () => {
  await expectNoLeak(async () => {
    const tied = await loadOpt(file(optSpec(config)), config);
    const doubled = await loadOpt(file(optSpec({ ...config, tied: false })), config);
    expectClose(firstLogits(tied), firstLogits(doubled), 1e-6);
    tied.dispose?.();
    doubled.dispose?.();
  });
});

test('a head of its own is used, and missed', async () => {
  const untied = { ...config, tied: false };
  const own = await loadOpt(file(optSpec(untied)), untied);
  const tied = await loadOpt(file(optSpec(config)), config);
  expect(firstLogits(own)).not.toEqual(firstLogits(tied));
  own.dispose?.();
  tied.dispose?.();
  await expect(loadOpt(file(optSpec(config)), untied)).rejects.toThrow('missing: lm_head.weight');
});

test('the vocabulary has as many rows as the file', async () => {
  const model = await loadOpt(file(optSpec({ ...config, vocabSize: 16 })), config);
  expect(model.vocabSize).toBe(16);
  expect(firstLogits(model)).toHaveLength(16);
  model.dispose?.();
});

test('layers without biases', async () => {
  const bare = { ...config, bias: false };
  const model = await loadOpt(file(optSpec(bare)), bare);
  expect(firstLogits(model).every(Number.isFinite)).toBe(true);
  model.dispose?.();
});

test('says all that is missing', async () => {
  const source = file(optSpec(config), (name) => (name.includes('fc1') ? undefined : name));
  const error = await loadOpt(source, config).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(BindError);
  expect((error as BindError).missing).toEqual([
    'model.decoder.layers.0.fc1.weight',
    'model.decoder.layers.0.fc1.bias',
  ]);
});
