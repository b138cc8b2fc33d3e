import { countParameters } from '@blip2/tensor';
import { expect, test } from '@jest/globals';
import { t5Config } from './config.js';
import { t5Spec } from './spec.js';

test('what is absent has the defaults of T5-small', () => {
  const config = t5Config({});
  expect(config).toMatchObject({ vocabSize: 32128, hiddenSize: 512, headSize: 64, ffnSize: 2048, layers: 6, heads: 8 });
  expect(config).toMatchObject({ decoderLayers: 6, buckets: 32, maxDistance: 128, dropout: 0.1, epsilon: 1e-6 });
  expect(config).toMatchObject({ activation: 'relu', gated: false, tied: true, scaleOutputs: true });
  expect(config).toMatchObject({ pad: 0, eos: [1], bos: 1, decoderStart: 0 });
  expect(countParameters(t5Spec(config))).toBe(60_506_624);
});

const flan = {
  ...{ model_type: 't5', feed_forward_proj: 'gated-gelu', dense_act_fn: 'gelu', tie_word_embeddings: false },
  ...{ num_layers: 24, num_decoder_layers: 24, bos_token_id: 1, decoder_start_token_id: 0 },
};

test('the published models have as many parameters as are counted here', () => {
  const xl = t5Config({ ...flan, d_model: 2048, d_ff: 5120, num_heads: 32 });
  expect(xl).toMatchObject({ activation: 'gelu', gated: true, tied: false, scaleOutputs: false, dropout: 0.1 });
  expect(countParameters(t5Spec(xl))).toBe(2_849_757_184);
  const xxl = t5Config({ ...flan, d_model: 4096, d_ff: 10240, num_heads: 64 });
  expect(countParameters(t5Spec(xxl))).toBe(11_135_332_352);
});

test.each([
  [{ feed_forward_proj: 'gated-gelu' }, { activation: 'gelu_new', gated: true }],
  [{ feed_forward_proj: 'gated-silu' }, { activation: 'silu', gated: true }],
  [{ feed_forward_proj: 'gelu' }, { activation: 'gelu', gated: false }],
  [
    { feed_forward_proj: 'gated-gelu', dense_act_fn: 'gelu' },
    { activation: 'gelu', gated: true },
  ],
  [{ tie_word_embeddings: true }, { scaleOutputs: true }],
  [
    { tie_word_embeddings: true, scale_decoder_outputs: false },
    { tied: true, scaleOutputs: false },
  ],
  [{ tie_word_embeddings: false }, { tied: false, scaleOutputs: false }],
  [
    { pad_token_id: 3, eos_token_id: [4, 5] },
    { pad: 3, decoderStart: 3, eos: [4, 5], bos: 4 },
  ],
  [{ num_layers: 3 }, { layers: 3, decoderLayers: 3 }],
])('reads %j', (json, expected) => {
  expect(t5Config(json)).toMatchObject(expected);
});

test.each([
  [{ model_type: 'opt' }, "model_type 't5', not 'opt'"],
  [{ d_kv: 0 }, 'd_kv must be a whole number of at least 1, not 0'],
  [{ num_layers: 1e9 }, 'num_layers must be a whole number of at least 1 and at most 1000, not 1000000000'],
  [{ feed_forward_proj: 'gated-gated-gelu' }, 'feed_forward_proj must be an activation'],
  [{ feed_forward_proj: 'swish' }, "feed_forward_proj asks for the activation 'swish'"],
  [{ dense_act_fn: 'swish' }, "dense_act_fn asks for the activation 'swish'"],
  [{ relative_attention_max_distance: 16 }, 'relative_attention_max_distance must be a whole number of at least 17'],
  [{ layer_norm_epsilon: 0 }, 'layer_norm_epsilon must be a number above 0, not 0'],
  [{ dropout_rate: 1 }, 'dropout_rate must be a number of at least 0 and below 1'],
  [{ tie_word_embeddings: 1 }, 'tie_word_embeddings must be true or false'],
  [{ eos_token_id: ['a'] }, 'eos_token_id must be a whole number or a list of them'],
])('refuses %j', (json, message) => {
  expect(() => t5Config(json)).toThrow(message);
});
