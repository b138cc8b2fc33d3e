import { countParameters } from '@blip2/tensor';
import { expect, test } from '@jest/globals';
import { optConfig } from './config.js';
import { optSpec } from './spec.js';

test('what is absent has the defaults of OPT-125M', () => {
  const config = optConfig({});
  expect(config).toMatchObject({ vocabSize: 50272, hiddenSize: 768, layers: 12, heads: 12, ffnSize: 3072 });
  expect(config).toMatchObject({
    maxPositions: 2048,
    activation: 'relu',
    dropout: 0.1,
    pad: 1,
    bos: 2,
    eos: [2],
    tied: true,
  });
  expect(countParameters(optSpec(config))).toBe(125_239_296);
});

test('reads the text config of the published blip2-opt-2.7b', () => {
  const text = { model_type: 'opt', eos_token_id: 50118, ffn_dim: 10240, hidden_size: 2560, num_attention_heads: 32 };
  const config = optConfig({ ...text, num_hidden_layers: 32, word_embed_proj_dim: 2560, vocab_size: 50304 });
  expect(config).toMatchObject({ vocabSize: 50304, hiddenSize: 2560, layers: 32, eos: [50118], maxPositions: 2048 });
});

test('OPT-350M has norms after its sublayers, and projections of narrower embeddings', () => {
  const shape = { hidden_size: 1024, num_attention_heads: 16, num_hidden_layers: 24, ffn_dim: 4096 };
  const config = optConfig({ ...shape, word_embed_proj_dim: 512, do_layer_norm_before: false });
  expect(config).toMatchObject({ embeddingSize: 512, preNorm: false, finalNorm: false });
  expect(countParameters(optSpec(config))).toBe(331_196_416); // as transformers counts facebook/opt-350m
  expect(optConfig({ _remove_final_layer_norm: true }).finalNorm).toBe(false);
});

test.each([
  [{ model_type: 't5' }, "model_type 'opt', not 't5'"],
  [{ do_layer_norm_before: 0 }, 'do_layer_norm_before must be true or false'],
  [{ layer_norm_elementwise_affine: false }, 'layer_norm_elementwise_affine is false'],
  [{ num_attention_heads: 7 }, 'hidden_size 768 must be a multiple of its num_attention_heads 7'],
  [{ activation_function: 'swish2' }, "activation_function 'swish2' is not one of"],
  [{ vocab_size: '12' }, 'vocab_size must be a whole number, not "12"'],
  [{ dropout: 1 }, 'dropout must be a number of at least 0 and below 1'],
  [{ enable_bias: 1 }, 'enable_bias must be true or false'],
])('refuses %j', (json, message) => {
  expect(() => optConfig(json)).toThrow(message);
});
