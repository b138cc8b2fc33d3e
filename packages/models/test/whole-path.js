// A model and a step of each stage on a device: in Node by webgpu.ts, and in a page by the check 'webgpu' of tools/checks.
import { fromPretrained } from '@blip2/models';
import { starterUrl } from '@blip2/starter';
import { normal, rng } from '@blip2/tensor';
import {
  collateStage2,
  compose,
  languageOf,
  loadBert,
  loadLanguageModel,
  textTensors,
  trainStage1,
  trainStage2,
  useBackend,
} from '@blip2/training';
import * as tf from '@tensorflow/tfjs';

/** Ids of an image's captions by two searches, whose cache is written and reordered in place, and scores of texts for a retrieval model. */
export async function use(device, { model: source, image }) {
  await useBackend({ device });
  const { numTensors } = tf.memory();
  const model = await fromPretrained(source, { device });
  const encoded = await model.encodeImage(image);
  const greedy = await model.caption(encoded, { maxNewTokens: 8 });
  const beams = await model.caption(encoded, { beams: 3, minNewTokens: 4, maxNewTokens: 8 });
  const retrieval = model.models.some(({ kind }) => kind === 'retrieval');
  const matches = retrieval ? await model.match(encoded, ['a rocket', 'two snakes below a key']) : [];
  const { device: chosen } = model.backend;
  encoded.dispose();
  model.dispose();
  return {
    chosen,
    tokens: [greedy.tokens, beams.tokens],
    scores: matches.flatMap(({ itm, itc }) => [itm, itc]),
    leaked: tf.memory().numTensors - numTensors,
  };
}

const WIDTH = 24;
const captions = ['a rocket', 'two snakes below a key', 'a cat', 'three red apples'];
const features = () => tf.tensor3d(normal(1)([4, 9, WIDTH], rng(1)), [4, 9, WIDTH]);

/** The losses of two steps of each stage, with dropout, and the norms of their gradients. */
export async function train(device) {
  await useBackend({ device });
  const [{ tokenizer }, language] = [
    await loadBert(starterUrl('bert')),
    await loadLanguageModel(starterUrl('language')),
  ];
  const processor = { size: { width: 8, height: 8 }, filter: 'bicubic', mean: [0, 0, 0], std: [1, 1, 1], rescale: 1 };
  const vision = { width: WIDTH, processor, encode: features };
  const sizes = { layers: 2, hiddenSize: 32, heads: 2, intermediateSize: 64, queries: 2, projectionSize: 16 };
  const parts = await compose({ vision, text: { tokenizer }, language, qformer: { ...sizes, dropout: 0.1 }, seed: 1 });
  const options = { steps: 2, trainer: { maxGradNorm: 1 } };
  const stage1 = trainStage1(parts, {
    ...options,
    data: () => ({
      features: features(),
      imageIds: tf.tensor1d([0, 1, 2, 3], 'int32'),
      ...textTensors(captions, { tokenizer, textLength: 12 }),
    }),
  });
  const source = {
    features: { length: 4, gather: async () => features(), close: async () => {} },
    samples: (index) => [{ prompt: 'a drawing of', target: captions[index] }],
  };
  const stage2 = () =>
    trainStage2(parts, {
      ...options,
      data: () => collateStage2(source, [0, 1, 2, 3], { language: languageOf(parts), random: rng(2) }),
    });
  const told = [];
  for await (const { losses, gradNorm } of stage1) told.push({ ...losses, gradNorm });
  for await (const { losses, gradNorm } of stage2()) told.push({ ...losses, gradNorm });
  parts.dispose();
  language.dispose?.();
  return told;
}
