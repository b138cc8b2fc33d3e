import { qformerConfig, qformerSpec } from '@blip2/qformer';
import { countParameters } from '@blip2/tensor';
import { type PublishedName, published } from '@blip2/testing/published';
import { stage1Spec, stage2Spec } from '@blip2/training';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readModelConfig } from './config.js';
import { partSpecs, tensorShapes } from './specs.js';

const modelOf = (name: PublishedName, text: object = {}) => {
  const json: Record<string, unknown> = published[name];
  const changed = 'text_config' in json ? { ...json, text_config: { ...(json.text_config as object), ...text } } : json;
  return readModelConfig(changed, name);
};
const parametersOf = (name: PublishedName, text: object = {}): number => {
  const { vision, trained, language } = partSpecs(modelOf(name, text));
  return [vision, trained, language].reduce((sum, spec) => sum + (spec ? countParameters(spec) : 0), 0);
};

// Specification, section 6.5
test.each<[PublishedName, number, object]>([
  ['blip2-opt-2.7b', 3_744_679_936, { vocab_size: 50272 }],
  ['blip2-opt-2.7b', 3_744_761_856, {}],
  ['blip2-opt-2.7b-coco', 3_745_353_216, {}],
  ['blip2-opt-6.7b', 7_752_738_304, { vocab_size: 50272 }],
  ['blip2-opt-6.7b', 7_752_869_376, {}],
  ['blip2-opt-6.7b-coco', 7_753_460_736, {}],
  ['blip2-flan-t5-xl', 3_942_446_592, {}],
  ['blip2-flan-t5-xl-coco', 3_943_037_952, {}],
  ['blip2-flan-t5-xxl', 12_229_596_672, {}],
  ['blip2-itm-vit-g', 1_172_032_258, {}],
  ['blip2-itm-vit-g-coco', 1_172_623_618, {}],
])('%s has %i parameters, withProgress without allocating any', (name, count, text) => {
  const { numTensors } = tf.memory();
  const start = process.cpuUsage();
  expect(parametersOf(name, text)).toBe(count);
  expect(process.cpuUsage(start).user).toBeLessThan(200_000); // microseconds
  expect(tf.memory().numTensors).toBe(numTensors);
});

test('parts of blip2-opt-2.7b, and names as published', () => {
  const model = modelOf('blip2-opt-2.7b');
  const { vision, language } = partSpecs(model);
  expect(countParameters(vision!)).toBe(985_949_440);
  expect(countParameters(language!)).toBe(2_651_678_720);
  const tensors = tensorShapes(model);
  expect([...tensors.keys()].filter((name) => name.startsWith('vision_model.'))).toHaveLength(474);
  expect([...tensors.keys()].filter((name) => name.startsWith('qformer.'))).toHaveLength(254);
  expect(tensors.get('language_model.model.decoder.embed_tokens.weight')).toEqual([50304, 2560]);
  expect(tensors.get('language_projection.weight')).toEqual([2560, 768]);
  expect(tensors.get('vision_model.encoder.layers.38.self_attn.qkv.bias')).toEqual([4224]);
  expect(countParameters(partSpecs(modelOf('blip2-flan-t5-xl')).language!)).toBe(2_849_757_184);
  expect(countParameters(partSpecs(modelOf('blip2-flan-t5-xxl')).language!)).toBe(11_135_332_352);
  const clip = partSpecs(modelOf('vit-l-opt-125m')).vision!;
  expect(countParameters(clip)).toBe(290_581_504);
});

// Specification, section 1.4
test('what each stage trains', () => {
  expect(countParameters(stage1Spec(qformerConfig({ vocab_size: 30523 })))).toBe(186_705_470);
  const config = qformerConfig();
  const alone = countParameters(qformerSpec(config)) - config.queries * config.hiddenSize;
  expect(alone).toBe(105_137_664);
  expect(countParameters(qformerSpec(qformerConfig({}, { encoderWidth: 1024 }))) - 24_576).toBe(101_598_720);
  const widths = { 2560: 107_133_696, 4096: 108_314_880, 2048: 106_739_968 };
  for (const [width, count] of Object.entries(widths)) expect(countParameters(stage2Spec(config, +width))).toBe(count);
});
