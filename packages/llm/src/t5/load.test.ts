import { BindError, specLeaves } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { memoryFile, withCopy } from '../../test/memory-file.js';
import { t5Config } from './config.js';
import { loadT5 } from './load.js';
import { t5Spec } from './spec.js';

const small = { vocab_size: 11, d_model: 8, d_kv: 4, d_ff: 12, num_heads: 2, num_layers: 1 };
const config = t5Config({ ...small, scale_decoder_outputs: false });
const untied = { ...config, tied: false };

const firstLogits = (model: Awaited<ReturnType<typeof loadT5>>): Float32Array =>
  tf.tidy(() => {
    const state = model.start({ promptIds: tf.tensor2d([[2, 3]], undefined, 'int32') });
    const values = Float32Array.from(state.logits.dataSync());
    state.dispose();
    model.dispose?.();
    return values;
  });

test('tables and a tied head that lie in the file again are not kept', async () => {
  await expectNoLeak(async () => {
    const once = memoryFile(t5Spec(config));
    const names = ['encoder.embed_tokens.weight', 'decoder.embed_tokens.weight', 'lm_head.weight'];
    const often = names.reduce((file, name) => withCopy(file, 'shared.weight', name), once);
    const before = tf.memory().numTensors;
    const [two, one] = [await loadT5(often, config), await loadT5(once, config)];
    expect(tf.memory().numTensors - before).toBe(2 * once.names.size);
    expectClose(firstLogits(two), firstLogits(one), 0);
  });
});

test('the table may lie under the name of the encoder or the decoder alone', async () => {
  const expected = firstLogits(await loadT5(memoryFile(t5Spec(config)), config));
  for (const part of ['encoder', 'decoder']) {
    const file = memoryFile(t5Spec(config), (name) =>
      name === 'shared.weight' ? `${part}.embed_tokens.weight` : name,
    );
    expectClose(firstLogits(await loadT5(file, config)), expected, 0);
  }
});

test('a head of its own is used, and the table in its place where there is none', async () => {
  const own = firstLogits(await loadT5(memoryFile(t5Spec(untied)), untied));
  const tied = firstLogits(await loadT5(memoryFile(t5Spec(config)), config));
  const lacking = firstLogits(await loadT5(memoryFile(t5Spec(config)), untied));
  expect(own).not.toEqual(tied);
  expect(firstLogits(await loadT5(memoryFile(t5Spec(untied)), config))).toEqual(own); // as transformers 5 writes it
  expect(lacking).toEqual(tied);
});

test('outputs are scaled where the config says so', async () => {
  const plain = firstLogits(await loadT5(memoryFile(t5Spec(config)), config));
  const scaled = firstLogits(await loadT5(memoryFile(t5Spec(config)), { ...config, scaleOutputs: true }));
  expectClose(
    scaled.map((x) => x * Math.sqrt(8)),
    tf.tidy(() => tf.tensor1d(plain)),
    1e-5,
  );
});

test('names behind a prefix; as many rows as the file has', async () => {
  const file = memoryFile(t5Spec({ ...config, vocabSize: 16 }), (name) => `language_model.${name}`);
  const model = await loadT5(file, config, { prefix: 'language_model.' });
  expect(model.vocabSize).toBe(16);
  expect(model.ids).toEqual({ bos: 1, pad: 0, eos: [1], decoderStart: 0 });
  expect(firstLogits(model)).toHaveLength(16);
});

test('says all that is missing', async () => {
  const file = memoryFile(t5Spec(config), (name) => (name.includes('relative') ? undefined : name));
  const error = await loadT5(file, config).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(BindError);
  expect((error as BindError).missing).toEqual(
    specLeaves(t5Spec(config)).flatMap(([name]) => (name.includes('relative') ? [name] : [])),
  );
});
