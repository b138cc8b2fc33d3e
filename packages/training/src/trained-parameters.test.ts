import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tokenizer } from '@blip2/data';
import { optConfig, optLanguageModel, optSpec } from '@blip2/llm';
import { type Flat, flatten, initialize } from '@blip2/tensor';
import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { readVitConfig, type VisionParams, type VitEncoder, visionEncoder, vitSpec } from '@blip2/vision';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compose, type Parts, stage1Params } from './compose.js';
import { stage1Terms } from './stages/stage1.js';
import { type Stage1TrainOptions, trainStage1, trainStage2 } from './train.js';
import { encodeTrained, trainedVision } from './trained-parameters.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const vit = readVitConfig({
  model_type: 'blip_2_vision_model',
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  image_size: 8,
  patch_size: 4,
});
const newEncoder = (): VitEncoder => visionEncoder(initialize(vitSpec(vit), 3) as VisionParams, vit);
const tokenizer = { vocabSize: 20, special: { bos: 1, pad: 0 } } as Tokenizer;
const qformer = {
  layers: 1,
  hiddenSize: 8,
  heads: 2,
  intermediateSize: 8,
  queries: 2,
  projectionSize: 4,
  maxPositions: 5,
};
const composed = (vision: VitEncoder): Promise<Parts> => compose({ vision, text: { tokenizer }, qformer });

const B = 3;
const pixels = (seed: number) => tf.randomNormal([B, 8, 8, 3], 0, 1, 'float32', seed) as tf.Tensor4D;
const data = ({ position }: { position: number }) => ({
  pixels: pixels(position + 1),
  imageIds: tf.range(0, B, 1, 'int32'),
  ids: tf.tensor2d(new Array(B).fill([2, 5 + position, 7]), [B, 3], 'int32'),
  mask: tf.ones([B, 3], 'int32') as tf.Tensor2D,
});

const values = (flat: Flat) => Object.fromEntries(Object.entries(flat).map(([path, x]) => [path, [...x.dataSync()]]));
const largest = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((x, i) => Math.abs(x - (b[i] as number))));

async function trained(parts: Parts, options: Partial<Stage1TrainOptions>): Promise<number[]> {
  const losses: number[] = [];
  const rates = { learningRate: 1e-2, minLearningRate: 1e-2, warmupSteps: 1, weightDecay: 0 };
  for await (const step of trainStage1(parts, { data, steps: 1, ...rates, ...options })) losses.push(step.losses.total);
  return losses;
}

test('rules choose what is trained, rates decay by layer, and the given encoder stays as it was', async () => {
  await expectNoLeak(async () => {
    using vision = newEncoder();
    using parts = await composed(vision);
    const [before, own] = [values(parts.stage1), values(flatten(vision.params))];
    await trained(parts, {
      parameters: [
        ['vision_model.encoder.layers.0', 'frozen'],
        ['vision_model', 'trainable'],
        ['qformer', 'frozen'],
      ],
      layerDecay: 0.5,
      rateScales: [['itm_head', 0.1]],
    });
    expect(values(flatten(vision.params))).toEqual(own);
    const [after, encoder] = [values(parts.stage1), values(parts.encoder)];
    for (const [path, x] of Object.entries(before)) {
      const moved = largest(x, after[path] as number[]);
      if (path.startsWith('qformer.')) expect([path, moved]).toEqual([path, 0]);
    }
    // AdamW's first update is the learning rate times the sign of the gradient
    expect(largest(before['itm_head.weight']!, after['itm_head.weight']!)).toBeCloseTo(1e-3, 5);
    expect(largest(before['text_projection.weight']!, after['text_projection.weight']!)).toBeCloseTo(1e-2, 5);
    const rates = { 'encoder.layers.2': 0.5, 'encoder.layers.1': 0.25, embeddings: 0.5 ** 4 };
    for (const [prefix, scale] of Object.entries(rates)) {
      const paths = Object.keys(encoder).filter((path) => path.startsWith(`vision_model.${prefix}.`));
      expect(paths.length).toBeGreaterThan(0);
      const moved = paths.map((path) => largest(encoder[path]!, own[path.slice('vision_model.'.length)]!));
      expect(Math.max(...moved) / (1e-2 * scale)).toBeCloseTo(1, 2);
    }
    expect(Object.keys(encoder).some((path) => path.startsWith('vision_model.encoder.layers.0.'))).toBe(false);
    expect(Object.keys(encoder)).not.toContain('vision_model.post_layernorm.weight');
    const x = pixels(1);
    const [now, then] = [await trainedVision(parts).encode(x), vision.encode(x)];
    expect(largest([...now.dataSync()], [...then.dataSync()])).toBeGreaterThan(1e-3);
    tf.dispose([x, now, then]);
  });
});

test('by default pixels are encoded by the frozen encoder, as features would have been before', async () => {
  using vision = newEncoder();
  using first = await composed(vision);
  using second = await composed(vision);
  const features = async (at: { position: number }) => {
    const { pixels: x, ...rest } = data(at);
    return { ...rest, features: vision.encode(x) };
  };
  const [encodedWithin, encodedBefore] = [
    await trained(first, { steps: 2 }),
    await trained(second, { steps: 2, data: features }),
  ];
  expectClose(encodedWithin, encodedBefore, 1e-5);
  expect(first.encoder).toEqual({});
});

test('a run with a trained encoder is resumed as if it had not stopped, also with GradCache', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'encoder-'));
  const parameters = [['vision_model', 'trainable'] as const];
  try {
    await expectNoLeak(async () => {
      using vision = newEncoder();
      using whole = await composed(vision);
      using first = await composed(vision);
      using second = await composed(vision);
      const trainer = { accumulationSteps: 2, logEvery: 2 };
      const run = { steps: 4, parameters, gradCache: true, layerDecay: 0.9 };
      await trained(whole, { ...run, trainer });
      const checkpoint = { dir: folder, every: 2 };
      await trained(first, { ...run, until: 2, trainer: { ...trainer, checkpoint } });
      await trained(second, { ...run, trainer: { ...trainer, checkpoint, resume: true } });
      expect(values(second.encoder)).toEqual(values(whole.encoder));
      expect(values(second.stage1)).toEqual(values(whole.stage1));
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('stage 2 trains the encoder too', async () => {
  const opt = optConfig({ vocab_size: 20, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, ffn_dim: 8 });
  await expectNoLeak(async () => {
    using vision = newEncoder();
    const model = optLanguageModel(initialize(optSpec(opt), 1), opt);
    using parts = await compose({ vision, text: { tokenizer }, qformer, language: { ...model, tokenizer } });
    const texts = () => ({
      imageIndex: tf.tensor1d([0, 2], 'int32'),
      promptIds: tf.ones([2, 1], 'int32') as tf.Tensor2D,
      promptMask: tf.ones([2, 1], 'int32') as tf.Tensor2D,
      targetIds: tf.tensor2d(
        [
          [5, 2],
          [6, 2],
        ],
        [2, 2],
        'int32',
      ),
      targetMask: tf.ones([2, 2], 'int32') as tf.Tensor2D,
    });
    const options = {
      steps: 2,
      data: () => ({ pixels: pixels(1), texts: texts() }),
      learningRate: 1e-2,
      warmupSteps: 1,
    };
    const parameters = [['vision_model', 'trainable'] as const];
    const losses: number[] = [];
    for await (const step of trainStage2(parts, { ...options, parameters })) losses.push(step.losses.total);
    expect(losses[1]).toBeLessThan(losses[0] as number);
    expect(Object.keys(parts.encoder)).toHaveLength(Object.keys(flatten(vision.params)).length);
    model.dispose();
  });
});

test('rules that match nothing, and encoders that cannot be trained, are refused', async () => {
  using vision = newEncoder();
  using parts = await composed(vision);
  await expect(trained(parts, { parameters: [['vision_model.layer', 'trainable']] })).rejects.toThrow(
    "The rule 'vision_model.layer' matches no parameter",
  );
  const fixed = { width: 8, encode: (x: tf.Tensor4D) => vision.encode(x) };
  using others = await compose({ vision: fixed, text: { tokenizer }, qformer });
  await expect(trained(others, { parameters: [['vision_model', 'trainable']] })).rejects.toThrow(
    'The image encoder cannot be trained, because it has no params and forward',
  );
  await expect(trained(others, {})).rejects.toThrow('A batch of pixels needs an image encoder with params');
});

test("the losses' gradients by the encoder's parameters are those of finite differences", async () => {
  using vision = newEncoder();
  using parts = await compose({
    vision,
    text: { tokenizer },
    qformer: { ...qformer, dropout: 0, initializerRange: 0.5 },
  });
  const config = { ...parts.config, attentionDropout: 0 };
  const { pixels: images, ...batch } = data({ position: 0 });
  const paths = [
    'encoder.layers.1.mlp.fc1.weight',
    'encoder.layers.2.self_attn.qkv.bias',
    'embeddings.class_embedding',
  ];
  const own = flatten(vision.params);
  const loss = (...tensors: tf.Tensor[]): tf.Tensor => {
    const trained = Object.fromEntries(paths.map((path, i) => [`vision_model.${path}`, tensors[i] as tf.Tensor]));
    const features = encodeTrained(vision, trained, images);
    const options = { seed: 1, smoothing: 0.1, decoderStart: 1, pad: 0 };
    return tf.mul(stage1Terms(stage1Params(parts), config, { ...batch, features }, options).total, 10);
  };
  const tensors = paths.map((path) => own[path] as tf.Tensor);
  checkGradients(loss, tensors, { step: 1e-3, elements: 8 });
  const [gradient] = tf.grads(loss)(tensors) as [tf.Tensor];
  expect(Math.max(...gradient.dataSync().map(Math.abs))).toBeGreaterThan(0.05);
});
