import { expect, test } from '@jest/globals';
import { formatOf, namesMatch, quantizationConfig, quantizationJson, readQuantization } from './quantization.js';

const all = (): boolean => true;
const matrix = (name: string, input = 64) => ({ name, shape: [96, input] });

test.each([
  ['fc1', 'language_model.model.decoder.layers.3.fc1.weight', true],
  ['decoder.layers.*.fc1', 'language_model.model.decoder.layers.3.fc1.weight', true],
  ['layers.3', 'language_model.model.decoder.layers.3.fc1.weight', true],
  ['layers.*.*.weight', 'language_model.model.decoder.layers.3.fc1.weight', true],
  ['weight.*', 'language_model.model.decoder.layers.3.fc1.weight', false],
  ['layers.1', 'language_model.model.decoder.layers.11.fc1.weight', false],
  ['fc', 'language_model.model.decoder.layers.3.fc1.weight', false],
  ['wo', 'language_model.shared.weight', false],
])("'%s' and %s: %s", (pattern, name, matches) => {
  expect(namesMatch(pattern, name)).toBe(matches);
});

test('matrices of the frozen parts are packed, and nothing else', () => {
  const config = quantizationConfig('int8', { family: 'opt', keep: ['layers.0'] });
  const of = (name: string, shape: number[], frozen = true) => formatOf({ name, shape }, config, () => frozen);
  expect(of('vision_model.encoder.layers.1.mlp.fc1.weight', [3, 5])).toBe('I8');
  expect(of('vision_model.encoder.layers.0.mlp.fc1.weight', [3, 5])).toBeUndefined();
  expect(of('language_model.lm_head.weight', [3, 5])).toBe('I8');
  expect(of('language_model.model.decoder.embed_tokens.weight', [3, 5])).toBe('I8');
  expect(of('language_model.model.decoder.embed_positions.weight', [3, 5])).toBeUndefined();
  expect(of('vision_model.embeddings.position_embedding', [3, 5])).toBeUndefined();
  expect(of('vision_model.embeddings.patch_embedding.weight', [3, 3, 14, 14])).toBeUndefined();
  expect(of('vision_model.blocks.1.expand.weight', [96, 16, 1, 1])).toBe('I8');
  expect(of('vision_model.blocks.1.depthwise.weight', [96, 1, 3, 3])).toBeUndefined();
  expect(of('language_model.model.decoder.layers.1.fc1.bias', [3])).toBeUndefined();
  expect(of('qformer.encoder.layer.1.output.dense.weight', [3, 5], false)).toBeUndefined();
});

test("four bits but for OPT's fc2, T5's wo, and rows that are not whole blocks", () => {
  const opt = quantizationConfig('int4', { family: 'opt' });
  expect(formatOf(matrix('decoder.layers.1.fc2.weight'), opt, all)).toBe('I8');
  expect(formatOf(matrix('decoder.layers.1.fc1.weight'), opt, all)).toBe('Q4_0');
  expect(formatOf(matrix('decoder.layers.1.self_attn.q_proj.weight'), opt, all)).toBe('Q4_0');
  expect(formatOf(matrix('decoder.layers.1.self_attn.q_proj.weight', 40), opt, all)).toBe('I8');
  const t5 = quantizationConfig('int4', { family: 't5' });
  expect(formatOf(matrix('encoder.block.0.layer.1.DenseReluDense.wo.weight'), t5, all)).toBeUndefined();
  expect(formatOf(matrix('encoder.block.0.layer.1.DenseReluDense.wi_0.weight'), t5, all)).toBe('Q4_0');
  expect(quantizationConfig('int8', { family: '__proto__' }).int8).toEqual([]);
  expect(formatOf(matrix('fc1.weight', 33), quantizationConfig('f16'), all)).toBe('F16');
});

test('the list in the config is read as it was written, and a malformed one is refused', () => {
  const config = quantizationConfig('int4', { family: 'opt', keep: ['lm_head'] });
  const json = quantizationJson(config);
  expect(json).toMatchObject({
    quant_method: 'blip2',
    quantize: 'int4',
    int8: ['decoder.layers.*.fc2'],
  });
  expect(readQuantization({ quantization_config: json }, 'config.json')).toEqual(config);
  expect(readQuantization({}, 'config.json')).toBeUndefined();
  for (const wrong of [
    1,
    {},
    { quantize: 'int3' },
    { quantize: 'int4', keep: [1] },
    { quantize: 'int4', int8: 'fc1' },
  ]) {
    expect(() => readQuantization({ quantization_config: wrong }, 'a/config.json')).toThrow(
      "'quantization_config' in a/config.json must be like",
    );
  }
});
