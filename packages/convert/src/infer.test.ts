import { readModelConfig } from '@blip2/models';
import { loadPlan, mismatchesOf } from '@blip2/models/folder';
import { qformerConfig, qformerSpec } from '@blip2/qformer';
import { countParameters, derivedSource, type Spec, specLeaves, type WeightSource } from '@blip2/tensor';
import { stage1Spec, visionNormSpec } from '@blip2/training';
import { readVisionConfig, visionSpec } from '@blip2/vision';
import { expect, test } from '@jest/globals';
import { expectHeads, inferConfig, overrideConfig } from './infer.js';

/** Names and shapes of published sizes, without a value. */
function namesOf(specs: Readonly<Record<string, Spec>>): WeightSource {
  const entries = Object.entries(specs).flatMap(([prefix, spec]) =>
    specLeaves(spec).map(
      ([path, { shape }]) => [prefix + path, { shape, dtype: 'F32', read: () => Promise.reject() }] as const,
    ),
  );
  return derivedSource({ origin: 'names', close: async () => undefined }, new Map(entries));
}

const eva = readVisionConfig({ model_type: 'blip_2_vision_model' });
const large = {
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  patch_size: 14,
};
const clip = readVisionConfig({ model_type: 'clip_vision_model', ...large });

test.each([
  [eva, 224],
  [{ ...eva, imageSize: [364, 364] as const }, 364],
  [clip, 224],
])('the config of a published stage 1 is read from its shapes: %#', async (vision, side) => {
  const config = qformerConfig({ vocab_size: 30523 }, { encoderWidth: vision.hiddenSize });
  const source = namesOf({ 'vision_model.': visionSpec(vision), '': stage1Spec(config) });
  const json = { ...inferConfig(source), architectures: ['Blip2ForImageTextRetrieval'] };
  expectHeads(json, 'names');
  const model = readModelConfig(json, 'names');
  expect(model.vision).toEqual({ ...vision, imageSize: [side, side] });
  expect(model.qformer).toEqual({ ...config, textInput: true });
  expect(mismatchesOf(loadPlan(source, model))).toEqual({ missing: [], unused: [], misshaped: [] });
});

test('what Hugging Face holds of a stage 1 has as many parameters as the published model', () => {
  const config = qformerConfig({ vocab_size: 30523 });
  const parts = [visionSpec(eva), qformerSpec(config, 'retrieval'), visionNormSpec(1408)];
  expect(parts.reduce((sum, spec) => sum + countParameters(spec), 0)).toBe(1_172_032_258);
});

test('heads of a width that was not published are asked for, and other keys can be laid over', () => {
  const config = qformerConfig(
    { hidden_size: 24, num_hidden_layers: 1, num_attention_heads: 3 },
    { encoderWidth: 1408 },
  );
  const source = namesOf({ 'vision_model.': visionSpec(eva), '': { ...qformerSpec(config), ...visionNormSpec(1408) } });
  const json = inferConfig(source);
  expect(() => expectHeads(json, 'x.pth')).toThrow(
    /x\.pth do not determine the number of heads of the qformer_config; give it/,
  );
  const changes = JSON.parse('{"qformer_config": {"num_attention_heads": 3}, "__proto__": {"a": 1}}');
  const full = overrideConfig(json, changes);
  expectHeads(full, 'x.pth');
  expect(full.qformer_config).toMatchObject({ num_attention_heads: 3, cross_attention_frequency: 1, hidden_size: 24 });
  expect(({} as { a?: number }).a).toBeUndefined();
  expect(() => inferConfig(namesOf({ 'vision_model.': visionSpec(eva) }))).toThrow(
    "There is no 'query_tokens' in names",
  );
});
