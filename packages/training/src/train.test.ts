import { fileURLToPath } from 'node:url';
import { register } from '@blip2/backend-simd';
import { captionProcessor } from '@blip2/data';
import { loadEmoji } from '@blip2/emoji';
import { starterUrl } from '@blip2/starter';
import { hash, rng } from '@blip2/tensor';
import type { TrainStep } from '@blip2/trainer';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compose, languageOf } from './compose.js';
import { collateStage2 } from './data/stage2-batches.js';
import { textTensors } from './data/texts.js';
import { loadBert, loadLanguageModel, type VisionModel } from './frozen-models.js';
import { trainStage1, trainStage2 } from './train.js';

const folder = (model: 'language' | 'bert'): string => fileURLToPath(starterUrl(model));

/** A user's own encoder: the mean color of each of 16 squares. */
const squares = {
  width: 3,
  encode: (pixels: tf.Tensor4D): tf.Tensor3D => tf.reshape(tf.avgPool(pixels, 8, 8, 'valid'), [pixels.shape[0], -1, 3]),
  processor: { size: { width: 32, height: 32 }, filter: 'bicubic', mean: [0, 0, 0], std: [1, 1, 1], rescale: 1 / 255 },
} satisfies VisionModel;

const labels = loadEmoji()
  .slice(0, 64)
  .map(({ label }) => captionProcessor(label));
/** An image of flat color that says which label it is. */
const features = (places: readonly number[]): tf.Tensor3D =>
  tf.tidy(() =>
    squares.encode(
      tf.tensor4d(
        Float32Array.from({ length: places.length * 32 * 32 * 3 }, (_, i) => {
          const place = places[Math.floor(i / 3072)] as number;
          return ((place * (1 + (i % 3))) % 16) / 16;
        }),
        [places.length, 32, 32, 3],
      ),
    ),
  );

async function composed() {
  await register({ threads: 1 });
  await tf.setBackend('simd');
  const [text, language] = [await loadBert(folder('bert')), await loadLanguageModel(folder('language'))];
  const sizes = { layers: 4, hiddenSize: 192, heads: 6, intermediateSize: 768, queries: 2, projectionSize: 16 };
  const parts = await compose({ vision: squares, text, language, qformer: { ...sizes, dropout: 0.1 }, seed: 1 });
  return {
    parts,
    close: () => {
      parts.dispose();
      language.dispose?.();
    },
  };
}

const draw = (position: number): number[] => {
  const random = rng(hash(3, `${position}`));
  return Array.from({ length: 4 }, () => Math.floor(random() * labels.length));
};

async function follow(
  run: AsyncGenerator<TrainStep>,
): Promise<{ first: number; last: number; memory: Map<number, tf.MemoryInfo> }> {
  const memory = new Map<number, tf.MemoryInfo>();
  const steps: TrainStep[] = [];
  for await (const step of run) {
    steps.push(step);
    memory.set(step.step, tf.memory());
  }
  const mean = (some: TrainStep[]) => some.reduce((sum, { losses }) => sum + losses.total, 0) / some.length;
  return { first: mean(steps.slice(0, 20)), last: mean(steps.slice(-20)), memory };
}

test('both stages train with an encoder of the user and leave no tensor behind from step 2 to step 200', async () => {
  const { parts, close } = await composed();
  const { tokenizer } = parts.text;
  const one = await follow(
    trainStage1(parts, {
      steps: 200,
      data: ({ position }) => {
        const places = draw(position);
        const texts = textTensors(
          places.map((place) => labels[place] as string),
          { tokenizer, textLength: 16 },
        );
        return { features: features(places), imageIds: tf.tensor1d(places, 'int32'), ...texts };
      },
    }),
  );
  expect(one.memory.get(200)).toMatchObject({
    numTensors: one.memory.get(2)?.numTensors,
    numBytes: one.memory.get(2)?.numBytes,
  });
  expect(one.last).toBeLessThan(one.first);

  const language = languageOf(parts);
  const two = await follow(
    trainStage2(parts, {
      steps: 200,
      data: ({ position }) => {
        const source = {
          features: {
            length: labels.length,
            gather: async (some: readonly number[]) => features(some),
            close: async () => {},
          },
          phrases: (index: number) => [labels[index] as string],
          samples: (index: number) => [{ prompt: '', target: labels[index] as string }],
        };
        return collateStage2(source, draw(position), { language, random: rng(position) });
      },
    }),
  );
  expect(two.memory.get(200)).toMatchObject({
    numTensors: two.memory.get(2)?.numTensors,
    numBytes: two.memory.get(2)?.numBytes,
  });
  expect(two.last).toBeLessThan(two.first);
  close();
}, 120_000);
