import { captionProcessor } from '@blip2/data';
import type { Prompts } from '@blip2/models';
import { hash, rng } from '@blip2/tensor';
import {
  batchIterator,
  collateStage1,
  collateStage2,
  type FeatureStore,
  type LanguageModelWithTokenizer,
  type Stage1Batch,
  type Stage1TrainOptions,
  type Stage2Batch,
  type Stage2TrainOptions,
  type TextOptions,
} from '@blip2/training';

/** The training images: their captions, and their features in the same order. */
export interface TrainingImages {
  readonly captions: readonly (readonly string[])[];
  readonly features: FeatureStore;
}

/** How batches are drawn. */
export interface BatchOptions {
  readonly batchSize: number;
  readonly seed: number;
}

/** Batches of stage 2: each image once an epoch, with one of its captions, which is drawn anew each time. */
export function captionBatches(
  { captions, features }: TrainingImages,
  { language, prompts }: { readonly language: LanguageModelWithTokenizer; readonly prompts: Prompts },
  { batchSize, seed }: BatchOptions,
): Stage2TrainOptions['data'] {
  const at = batchIterator({ count: captions.length, batch: (indices) => indices }, { batchSize, seed });
  return ({ position }): Promise<Stage2Batch> => {
    const random = rng(hash(seed, `texts ${position}`));
    const samples = (image: number) => {
      const of = captions[image]!;
      const target = captionProcessor(of[Math.floor(random() * of.length)]!);
      return [{ prompt: prompts.caption, target }];
    };
    return collateStage2({ features, samples }, at(position), { language, random });
  };
}

/**
 * Batches of stage 1: pairs of an image and one of its captions, each pair once an epoch. Pairs of one image are positives of each
 * other; where no image has two captions, so are pairs of the same caption.
 */
export function pairBatches(
  { captions, features }: TrainingImages,
  options: TextOptions,
  { batchSize, seed }: BatchOptions,
): Stage1TrainOptions['data'] {
  const pairs = captions.flatMap((texts, image) => texts.map((text) => ({ image, text: captionProcessor(text) })));
  const single = captions.every((texts) => texts.length === 1);
  const numbers = new Map(single ? pairs.map(({ text }, i) => [text, i]) : []);
  const lengthOf = (pair: number): number => pairs[pair]!.text.length;
  const at = batchIterator({ count: pairs.length, lengthOf, batch: (indices) => indices }, { batchSize, seed });
  const source = {
    features: {
      ...features,
      gather: (some: readonly number[]) => features.gather(some.map((pair) => pairs[pair]!.image)),
    },
    text: (pair: number) => pairs[pair]!.text,
    imageId: (pair: number) => (single ? numbers.get(pairs[pair]!.text)! : pairs[pair]!.image),
  };
  return ({ position }): Promise<Stage1Batch> => collateStage1(source, at(position), options);
}
