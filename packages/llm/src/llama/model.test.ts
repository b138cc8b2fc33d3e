import { crossEntropy, type Flat, flatten, initialize, mapFlat, unflatten } from '@blip2/tensor';
import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { memoryFile } from '../../test/memory-file.js';
import type { LoraSupport, SyncLanguageModel } from '../language-model.js';
import { loraSpec } from '../lora/apply.js';
import { llamaConfig } from './config.js';
import { llamaForward } from './forward.js';
import { loadLlama } from './load.js';
import { llamaEmbed, llamaLanguageModel } from './model.js';
import { type LlamaParams, llamaSpec } from './spec.js';

const config = llamaConfig({
  ...{ vocab_size: 11, hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2 },
  ...{ intermediate_size: 12, max_position_embeddings: 12, initializer_range: 0.4, tie_word_embeddings: true },
  ...{ attention_bias: true, mlp_bias: true, head_dim: 4, pad_token_id: 0 },
});
const spec = llamaSpec(config);
let params: LlamaParams;
let model: SyncLanguageModel;
const ids = (rows: number[][]): tf.Tensor2D => tf.tensor2d(rows, undefined, 'int32');

beforeAll(async () => {
  await tf.setBackend('cpu');
  params = initialize(spec, 3);
  model = llamaLanguageModel(params, config);
});
afterAll(() => model.dispose());

test('step by step, with padding between soft prompt and text, is one pass over the text', async () => {
  await expectNoLeak(() => {
    tf.tidy(() => {
      const softPrompt = tf.randomNormal([2, 2, 8], 0, 1, 'float32', 1);
      const promptIds = ids([
        [0, 0, 4],
        [5, 6, 7],
      ]);
      const promptMask = ids([
        [0, 0, 1],
        [1, 1, 1],
      ]);
      const state = model.start({ softPrompt, promptIds, promptMask });
      state.step([8, 9]);
      for (const [row, text] of [
        [4, 8],
        [5, 6, 7, 9],
      ].entries()) {
        const soft = tf.slice(softPrompt, [row, 0, 0], [1, -1, -1]);
        const { logits } = model.predict({ softPrompt: soft, targetIds: ids([[...text, 1]]) });
        expectClose(tf.gather(state.logits, row), tf.squeeze(tf.slice(logits, [0, text.length, 0], [1, 1, -1])), 1e-5);
      }
      state.reorder([1, 1]);
      expectClose(tf.gather(state.logits, 0), tf.gather(state.logits, 1), 0);
      state.dispose();
    });
  });
});

const lossOf = (of: SyncLanguageModel, softPrompt: tf.Tensor, targetIds: tf.Tensor): tf.Scalar =>
  tf.tidy(() => {
    const { logits, labels } = of.predict({ softPrompt, targetIds });
    const [B, T, V] = logits.shape;
    return tf.mean(crossEntropy(tf.reshape(logits, [B * T, V]), tf.reshape(labels, [B * T]), {})) as tf.Scalar;
  });

test('the gradients by soft prompt and parameters are those of finite differences', () => {
  tf.tidy(() => {
    const soft = tf.randomNormal([1, 2, 8], 0, 1, 'float32', 2);
    const targetIds = ids([[3, 5, 9, 2]]);
    checkGradients((x) => lossOf(model, x, targetIds), [soft], { elements: 8, tolerance: 2e-3 });
    const flat = flatten(params);
    for (const name of [
      'model.layers.1.self_attn.k_proj.weight',
      'model.layers.0.mlp.gate_proj.weight',
      'model.norm.weight',
    ]) {
      const fn = (x: tf.Tensor): tf.Scalar =>
        lossOf(llamaLanguageModel(unflatten(spec, { ...flat, [name]: x }), config), soft, targetIds);
      checkGradients(fn, [flat[name] as tf.Tensor], { elements: 4, tolerance: 2e-3 });
    }
  });
});

test('adapters of every linear layer compute what the merged weights do', async () => {
  const { layers, adapt } = model.lora as LoraSupport;
  expect([...layers.keys()].filter((name) => name.startsWith('model.layers.0.'))).toEqual(
    ['q_proj', 'k_proj', 'v_proj', 'o_proj']
      .map((name) => `model.layers.0.self_attn.${name}`)
      .concat(['gate_proj', 'up_proj', 'down_proj'].map((name) => `model.layers.0.mlp.${name}`)),
  );
  await expectNoLeak(() => {
    tf.tidy(() => {
      const lora = { rank: 2, alpha: 4, targets: 'all-linear' };
      const shapes = loraSpec(layers, { ...lora, targets: [...layers.keys()] });
      const adapters: Flat = Object.fromEntries(
        Object.entries(shapes).map(([name, { shape }]) => [name, tf.randomNormal([...shape], 0, 0.3, 'float32', 5)]),
      );
      const merged = mapFlat(flatten(params), (weight, name) => {
        const path = name.replace(/\.weight$/, '');
        const [A, B] = ['A', 'B'].map((part) => adapters[`${path}.lora_${part}.weight`]);
        return A && B ? tf.add(weight, tf.mul(tf.matMul(B as tf.Tensor2D, A as tf.Tensor2D), 2)) : weight;
      });
      const adapted = adapt(adapters, { config: { ...lora, targets: [...layers.keys()] } });
      const soft = tf.randomNormal([1, 2, 8], 0, 1, 'float32', 2);
      const targetIds = ids([[3, 5, 9, 2]]);
      const expected = llamaLanguageModel(unflatten(spec, merged), config).predict({ softPrompt: soft, targetIds });
      const found = adapted.predict({ softPrompt: soft, targetIds });
      expectClose(found.logits, expected.logits, 1e-4);
      expect(found.logits.arraySync()).not.toEqual(model.predict({ softPrompt: soft, targetIds }).logits.arraySync());
    });
  });
});

test('only the last positions are the same last positions', () => {
  tf.tidy(() => {
    const embeddings = llamaEmbed(params, ids([[1, 2, 3, 4]]));
    const whole = llamaForward(params, config, { embeddings }).hidden;
    const last = llamaForward(params, config, { embeddings, last: 2 }).hidden;
    expectClose(last, tf.slice(whole, [0, 2, 0], [-1, 2, -1]), 1e-5);
    expect(() => llamaForward(params, config, { embeddings: tf.zeros([1, 13, 8]) })).toThrow(
      '13 tokens are more than the 12',
    );
  });
});

test('a file may hold a tied head and the frequencies of old releases besides', async () => {
  const untied = memoryFile(llamaSpec({ ...config, tied: false }));
  const buffer = 'model.layers.0.self_attn.rotary_emb.inv_freq';
  const names = new Map([...untied.names, [buffer, { shape: [2], dtype: 'F32' }]]);
  const loaded = await loadLlama({ ...untied, names }, config);
  expect(loaded).toMatchObject({ width: 8, vocabSize: 11, maxPositions: 12, ids: { bos: 1, pad: 0, eos: [2] } });
  loaded.dispose();
  await expect(loadLlama(memoryFile(spec), { ...config, tied: false })).rejects.toThrow('missing: lm_head.weight');
});
