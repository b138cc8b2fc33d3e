import { captionProcessor, type ImageTextItem, questionProcessor } from '@blip2/data';
import { fillTemplate, type Prompts } from '@blip2/models';
import { rowsOf, type Shard } from '@blip2/runs';
import { hash, rng } from '@blip2/tensor';
import type { Position } from '@blip2/trainer';
import {
  batchIterator,
  collateStage1,
  collateStage2,
  type FeatureStore,
  languageOf,
  mixBatches,
  type Parts,
  type Sample,
  type Stage1Batch,
  type Stage1PixelBatch,
  type Stage2Batch,
  type Stage2PixelBatch,
} from '@blip2/training';
import type * as tf from '@tensorflow/tfjs';
import { type Ahead, ahead } from './ahead.js';
import type { ImageTextConfig } from './config.js';
import type { ImageFeatures } from './features.js';
import { answered, type Stage2Texts, trainedOn } from './texts.js';

/** What batches are made of. */
export interface BatchInputs {
  readonly config: ImageTextConfig;
  readonly parts: Parts;
  /** The training images that can be used, in the order of `features.kept`. */
  readonly images: readonly ImageTextItem[];
  readonly features: ImageFeatures;
  /** The part of every batch that is made, where several processes train together. Default: all of it. */
  readonly shard?: Shard | undefined;
}

/** Batches by position, and how long was waited for their data. */
export interface Batches<B> {
  at(position: Position): Promise<B>;
  waited(): number;
}

/** Positions whose images are read or decoded while a step computes. */
const AHEAD = 2;

/** The features of a batch that is prepared, as `collate` takes them; they are made once. */
const prepared = (length: number, images: Awaited<ReturnType<ImageFeatures['prepare']>>): FeatureStore => ({
  length,
  gather: async () => (await images()) as tf.Tensor3D, // `named` gives pixels their name afterwards
  close: async () => {},
});

/** A batch by the name of what it has of its images: features, or pixels. */
function named<B extends { readonly features: tf.Tensor3D }>(
  batch: B,
): B | (Omit<B, 'features'> & { readonly pixels: tf.Tensor4D }) {
  const { features, ...others } = batch;
  const images: tf.Tensor = features;
  return images.rank === 4 ? { ...others, pixels: images as tf.Tensor4D } : batch;
}

/**
 * Creates the batches of stage 1: pairs of an image and one of its captions, each pair once an epoch. Pairs of one image are
 * positives of each other; where no image has two captions, so are pairs of the same caption.
 */
export function stage1Batches({
  config,
  parts,
  images,
  features,
  shard,
}: BatchInputs): Batches<Stage1Batch | Stage1PixelBatch> {
  const pairs = images.flatMap(({ captions }, image) =>
    captions.map((text) => ({ image, text: captionProcessor(text) })),
  );
  const single = images.every(({ captions }) => captions.length <= 1);
  const numbers = new Map<string, number>();
  for (const { text } of pairs) if (!numbers.has(text)) numbers.set(text, numbers.size);
  const idOf = ({ image, text }: (typeof pairs)[number]): number => (single ? (numbers.get(text) as number) : image);
  const { seed, data } = config;
  const options = { tokenizer: parts.text.tokenizer, textLength: data.textLength };
  const indicesAt = batchIterator(
    { count: pairs.length, lengthOf: (index) => pairs[index]?.text.length ?? 0, batch: (indices) => indices },
    { batchSize: config.stage1.batchSize, seed },
  );
  return following(
    ahead(async (position) => {
      const { begin, end } = rowsOf(config.stage1.batchSize, shard);
      const indices = indicesAt(position).slice(begin, end);
      const chosen = indices.map((index) => pairs[index] as (typeof pairs)[number]);
      const made = await features.prepare(
        chosen.map(({ image }) => image),
        hash(seed, `views ${position}`),
        begin,
      );
      return () => {
        const of = (i: number) => chosen[i] as (typeof pairs)[number];
        const source = {
          features: prepared(pairs.length, made),
          text: (i: number) => of(i).text,
          imageId: (i: number) => idOf(of(i)),
        };
        return collateStage1(source, [...chosen.keys()], options).then(named);
      };
    }, AHEAD),
  );
}

/**
 * Creates the batches of stage 2: images with one of their captions, and images with some of their questions, each with one
 * of the answers that people gave. Captions and questions are drawn anew each time.
 */
export function stage2Batches(
  inputs: BatchInputs,
  prompts: Prompts,
  texts: Stage2Texts,
): Batches<Stage2Batch | Stage2PixelBatch> {
  const { config, parts, images, features, shard } = inputs;
  const { begin, end } = rowsOf(config.stage2.batchSize, shard);
  const language = languageOf(parts);
  const { seed, data, stage2 } = config;
  const kind = (indices: readonly number[], samples: (item: ImageTextItem, random: () => number) => Sample[]) =>
    batchIterator(
      {
        count: indices.length,
        batch: (places) => ({ images: places.map((place) => indices[place] as number), samples }),
      },
      { batchSize: stage2.batchSize, seed },
    );
  const captions = kind(trainedOn(images, 'captions'), ({ captions }, random) => [
    { prompt: prompts.caption, target: captionProcessor(pick(captions, random)) },
  ]);
  const questions = kind(trainedOn(images, 'questions'), (item, random) =>
    draw(answered(item), data.questionsPerImage, random).map(({ question, answers }) => {
      return { prompt: fillTemplate(prompts.question, questionProcessor(question)), target: pick(answers, random) };
    }),
  );
  const share = texts.questions ? (texts.captions ? data.questionShare : 1) : 0;
  const at = mixBatches(captions, questions, share);
  return following(
    ahead(async (position) => {
      const { images: chosen, samples } = at(position);
      const made = await features.prepare(chosen.slice(begin, end), hash(seed, `views ${position}`), begin);
      return () => {
        const random = rng(hash(seed, `texts ${position}`));
        // of the whole batch, so that the texts do not depend on who has which part of it
        const drawn = chosen.map((image) => samples(images[image] as ImageTextItem, random));
        const source = {
          features: prepared(images.length, made),
          samples: (i: number) => drawn[begin + i] as Sample[],
        };
        const rows = Array.from({ length: end - begin }, (_, i) => i);
        return collateStage2(source, rows, { language, random }).then(named);
      };
    }, AHEAD),
  );
}

/** Makes the batch of what was prepared; only what was waited for the preparation counts as waiting. */
const following = <B>(source: Ahead<() => Promise<B>>): Batches<B> => ({
  at: async ({ position }) => (await source.at(position))(),
  waited: source.waited,
});

const pick = <T>(items: readonly T[], random: () => number): T => items[Math.floor(random() * items.length)] as T;

/** Draws items without replacement. */
function draw<T>(items: readonly T[], count: number, random: () => number): T[] {
  const left = [...items];
  return Array.from(
    { length: Math.min(count, items.length) },
    () => left.splice(Math.floor(random() * left.length), 1)[0] as T,
  );
}
