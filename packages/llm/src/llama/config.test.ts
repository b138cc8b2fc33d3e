import { countParameters } from '@blip2/tensor';
import { expect, test } from '@jest/globals';
import { llamaConfig } from './config.js';
import { llamaSpec } from './spec.js';

test.each([
  [
    'SmolLM2-135M',
    { ...sizes(576, 30, 9, 1536), num_key_value_heads: 3, vocab_size: 49152, tie_word_embeddings: true },
    134_515_008,
  ],
  ['Vicuna 7B', { ...sizes(4096, 32, 32, 11008), vocab_size: 32001 }, 6_738_423_808],
  [
    'Qwen2.5-0.5B',
    { ...sizes(896, 24, 14, 4864), model_type: 'qwen2', num_key_value_heads: 2, tie_word_embeddings: true },
    494_032_768,
  ],
  ['Mistral 7B', { ...sizes(4096, 32, 32, 14336), model_type: 'mistral', num_key_value_heads: 8 }, 7_241_732_096],
])('%s has as many parameters as transformers counts', (_name, json, parameters) => {
  expect(countParameters(llamaSpec(llamaConfig(json)))).toBe(parameters);
});

function sizes(hidden_size: number, num_hidden_layers: number, num_attention_heads: number, intermediate_size: number) {
  return { hidden_size, num_hidden_layers, num_attention_heads, intermediate_size };
}

test('a model without BOS or padding has its first EOS in their place', () => {
  expect(llamaConfig({})).toMatchObject({ bos: 1, eos: [2], pad: 2 });
  const qwen = { model_type: 'qwen2', bos_token_id: null, eos_token_id: [7, 8], pad_token_id: null };
  expect(llamaConfig(qwen)).toMatchObject({ bos: 7, eos: [7, 8], pad: 7, queryBias: true, outputBias: false });
});

test.each([
  [{ max_position_embeddings: 2048 }, 2048],
  [{ max_position_embeddings: 2048, rope_scaling: { type: 'linear', factor: 4 } }, 8192],
  [{ max_position_embeddings: 2048, rope_parameters: { rope_type: 'dynamic', factor: 2.5 } }, 5120],
  [{ max_position_embeddings: 32768, rope_scaling: { type: 'yarn', factor: 4 } }, 131072],
  [{ model_type: 'mistral', max_position_embeddings: 32768, sliding_window: 4096 }, 4096],
  [{ model_type: 'mistral', max_position_embeddings: 32768, sliding_window: null }, 32768],
  [{ model_type: 'qwen2', use_sliding_window: false, sliding_window: 4096 }, 32768],
  [{ model_type: 'qwen2', use_sliding_window: true, sliding_window: 4096 }, 4096],
])('%j has %i positions', (json, positions) => {
  expect(llamaConfig(json).maxPositions).toBe(positions);
});

test.each([
  [{ model_type: 'gemma' }, 'A Llama config has model_type llama or qwen2 or mistral, not'],
  [{ num_attention_heads: 7 }, 'hidden_size 4096 must be a multiple of its num_attention_heads 7'],
  [{ num_key_value_heads: 5 }, 'num_attention_heads 32 must be a multiple of its num_key_value_heads 5'],
  [{ head_dim: 7 }, "The Llama config's head_dim 7 must be even"],
  [{ hidden_size: 64, num_attention_heads: 64 }, 'head_dim must be a whole number of at least 2, not nothing'],
  [{ hidden_act: 'swish2' }, "hidden_act 'swish2' is not one of"],
  [{ rope_scaling: 4 }, 'rope_parameters must be an object, not 4'],
  [
    { rope_scaling: { type: 'longrope' } },
    "The Llama rotary config's rope_type 'longrope' is not one of default, linear",
  ],
  [{ rope_scaling: { type: 'linear' } }, 'factor must be a number above 0'],
  [{ rope_scaling: { type: 'linear', factor: 0.5 } }, 'factor must be at least 1, not 0.5'],
  [
    { rope_scaling: { type: 'llama3', factor: 8, low_freq_factor: 4 } },
    'high_freq_factor 4 must be above its low_freq_factor 4',
  ],
  [{ rope_scaling: { type: 'dynamic', factor: 2 }, head_dim: 2 }, 'need heads wider than 2'],
  [{ partial_rotary_factor: 0.5 }, 'partial_rotary_factor is 0.5; only 1'],
  [{ model_type: 'qwen2', use_sliding_window: 1 }, "The Qwen2 config's use_sliding_window must be true or false"],
])('refuses %j', (json, message) => {
  expect(() => llamaConfig(json)).toThrow(message);
});
