import { countParameters, layerNormSpec, specLeaves } from '@blip2/tensor';
import { expect, test } from '@jest/globals';
import { readVisionConfig } from './config.js';
import { visionSpec } from './spec.js';

test('an empty config of BLIP-2 is ViT-g, with its number of parameters', () => {
  const config = readVisionConfig({ model_type: 'blip-2', vision_config: {} });
  expect(config).toMatchObject({ family: 'eva', hiddenSize: 1408, layers: 39, epsilon: 1e-6, imageSize: [224, 224] });
  expect(countParameters(visionSpec(config))).toBe(985_949_440);
  expect(countParameters({ model: visionSpec(config), norm: layerNormSpec(1408) })).toBe(985_952_256);
  const coco = readVisionConfig({ model_type: 'blip_2_vision_model', image_size: 364 });
  expect(countParameters(visionSpec(coco, { finalNorm: true }))).toBe(986_543_616);
});

test('CLIP is looked at before its last block, which is not held', () => {
  const config = readVisionConfig({
    model_type: 'clip_vision_model',
    hidden_size: 1024,
    intermediate_size: 4096,
    num_attention_heads: 16,
    num_hidden_layers: 24,
    patch_size: 14,
  });
  expect(countParameters(visionSpec(config))).toBe(290_581_504);
  expect(specLeaves(visionSpec(config)).some(([path]) => path.startsWith('encoder.layers.23'))).toBe(false);
  expect(() => visionSpec(config, { layer: 25 })).toThrow('There is no hidden state 25');
});

test('what cannot be is named', () => {
  expect(() => readVisionConfig({ model_type: 'resnet' })).toThrow(
    "model_type 'resnet' is not supported; supported are",
  );
  expect(() => readVisionConfig({ model_type: 'toString' })).toThrow('is not supported');
  expect(() => readVisionConfig([])).toThrow('must be an object');
  const vit = { model_type: 'vit' };
  expect(() => readVisionConfig({ ...vit, hidden_size: '768' })).toThrow(
    'hidden_size must be a whole number of at least 1, not "768"',
  );
  expect(() => readVisionConfig({ ...vit, num_hidden_layers: 1.5 })).toThrow(
    'num_hidden_layers must be a whole number',
  );
  expect(() => readVisionConfig({ ...vit, num_attention_heads: 5 })).toThrow(
    '768 is no multiple of num_attention_heads 5',
  );
  expect(() => readVisionConfig({ ...vit, hidden_act: 'gulp' })).toThrow("hidden_act 'gulp' is not one of");
  expect(() => readVisionConfig({ ...vit, image_size: 8 })).toThrow('smaller than its patch_size');
  expect(() => readVisionConfig({ model_type: 'dinov2', use_swiglu_ffn: true })).toThrow('use_swiglu_ffn');
  expect(readVisionConfig({ ...vit, image_size: [112, 224] }).imageSize).toEqual([112, 224]);
});
