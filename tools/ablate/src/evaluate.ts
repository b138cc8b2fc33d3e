import { captionProcessor } from '@blip2/data';
import { type EvaluationTasks, evaluateCaptions, evaluateRetrieval, evaluateVqa } from '@blip2/runs';
import {
  collateStage1,
  collateStage2,
  type FeatureStore,
  languageOf,
  type Parts,
  stage1Params,
  stage1Terms,
  stage2Params,
  stage2Terms,
} from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import type { Shared } from './open.js';

/** Images of a vendor that training has not seen, and of known ones in combinations that it has not. */
const SPLITS = ['unseen', 'known'] as const;
type Split = (typeof SPLITS)[number];
/** A score of each split. */
export type BySplit<T> = Record<Split, T>;

async function bySplit<T>(score: (split: Split) => Promise<T>): Promise<BySplit<T>> {
  return { unseen: await score('unseen'), known: await score('known') };
}

/** The emoji data have every task in both splits. */
const tasksOf = (test: Shared['test'], split: Split): Tasks => (split === 'unseen' ? test : test.known) as Tasks;
type Tasks = { readonly [K in keyof EvaluationTasks]-?: NonNullable<EvaluationTasks[K]> };

/** A prefix of a store of features. */
export const first = (features: FeatureStore, count: number): FeatureStore => ({
  length: Math.min(count, features.length),
  gather: (indices) => features.gather(indices),
  close: async () => {},
});

/** The shares of queries whose right candidate is ranked first, in both directions. */
export interface FirstRanks {
  readonly i2t: number;
  readonly t2i: number;
}

/** The scores of a model of stage 1. */
export interface Stage1Scores {
  /** The losses of BLIP-2, with its masks and hard negatives whatever the training had, on unseen images. */
  readonly losses: Record<'itc' | 'itm' | 'itg', number>;
  /** R@1 by ITC. */
  readonly retrieval: BySplit<FirstRanks>;
  /** R@1 of fewer candidates, each ranked by its ITM logit and its ITC similarity. */
  readonly matched: BySplit<FirstRanks>;
}

/** Evaluates a model of stage 1. */
export async function scoreStage1(parts: Parts, { test, tokenizer, scale }: Shared): Promise<Stage1Scores> {
  const model = { config: parts.config, params: stage1Params(parts) };
  const options = { tokenizer, textLength: TEXT };
  const recall = async (split: Split, count: number, rerank: number): Promise<FirstRanks> => {
    const { features, texts } = tasksOf(test, split).retrieval;
    const few = { features: first(features, count), texts: texts.slice(0, count) };
    const { i2t, t2i } = await evaluateRetrieval(model, few, { ...options, rerank });
    return { i2t: i2t.r1, t2i: t2i.r1 };
  };
  return {
    losses: await heldOutLosses(parts, { test, tokenizer, scale }),
    retrieval: await bySplit((split) => recall(split, scale.candidates, 0)),
    matched: await bySplit((split) => recall(split, scale.matched, scale.matched)),
  };
}

/** The longest text in tokens, as in training. */
const TEXT = 32;
/** Batches of each kind for losses on unseen images. */
const BATCHES = { names: 4, scenes: 2 };

async function heldOutLosses(parts: Parts, { test, tokenizer, scale }: Pick<Shared, 'test' | 'tokenizer' | 'scale'>) {
  const { emoji, scenes } = test.images.unseen;
  const kinds = [
    { features: emoji.features, text: (i: number) => captionProcessor(emoji.metadata(i).label), count: BATCHES.names },
    { features: scenes.features, text: (i: number) => scenes.metadata(i).caption, count: BATCHES.scenes },
  ];
  const { bos: decoderStart = 0, pad = 0 } = tokenizer.special;
  const sums = { itc: 0, itm: 0, itg: 0 };
  let batches = 0;
  for (const { features, text, count } of kinds) {
    for (let at = 0; at < count; at++) {
      const indices = Array.from({ length: scale.batchSize }, (_, i) => at * scale.batchSize + i);
      if ((indices.at(-1) as number) >= features.length) break;
      const pairs = { features, text, imageId: numbering(text, indices) };
      const batch = await collateStage1(pairs, indices, { tokenizer, textLength: TEXT });
      const options = { seed: at, smoothing: 0.1, decoderStart, pad };
      const terms = tf.tidy(() => stage1Terms(stage1Params(parts), parts.config, batch, options));
      for (const name of ['itc', 'itm', 'itg'] as const) sums[name] += (await terms[name].data())[0] as number;
      tf.dispose([...Object.values(terms), ...Object.values<tf.Tensor>({ ...batch })]);
      batches++;
    }
  }
  return { itc: sums.itc / batches, itm: sums.itm / batches, itg: sums.itg / batches };
}

/** Equal texts have equal numbers, as in training: their images are not negatives of each other. */
function numbering(text: (index: number) => string, indices: readonly number[]): (index: number) => number {
  const numbers = new Map<string, number>();
  for (const index of indices) if (!numbers.has(text(index))) numbers.set(text(index), index);
  return (index) => numbers.get(text(index)) as number;
}

/** The scores of a model of stage 2. */
export interface Stage2Scores {
  /** The loss of the language model on captions of unseen scenes. */
  readonly lm: number;
  readonly captions: BySplit<{ cider: number; swapped: number; exact: number }>;
  readonly vqa: BySplit<{ accuracy: number; prior: number; types: Record<string, number> }>;
}

/** What generation needs of a model of stage 2. */
const generation = (parts: Parts, prompts: { caption: string; question: string }) => ({
  params: stage2Params(parts),
  config: parts.config,
  language: languageOf(parts),
  tokenizer: languageOf(parts).tokenizer,
  prompts,
});

type Prompts = Parameters<typeof generation>[1];

/** Evaluates a model of stage 2. */
export async function scoreStage2(parts: Parts, { test, scale }: Shared, prompts: Prompts): Promise<Stage2Scores> {
  const model = generation(parts, prompts);
  return {
    lm: await captionLoss(parts, { test, scale }, prompts),
    captions: await bySplit(async (split) => {
      const { features, references } = tasksOf(test, split).captions;
      const few = { features: first(features, scale.testScenes), references };
      const { cider, ciderSwapped: swapped, exact } = await evaluateCaptions(model, few);
      return { cider, swapped, exact };
    }),
    vqa: await bySplit(async (split) => {
      const { accuracy, prior, types } = await answers(model, { test, split, count: scale.testScenes });
      return { accuracy, prior, types: Object.fromEntries(types.map((one) => [one.type, one.accuracy])) };
    }),
  };
}

/** The scores of a model while stage 2 is trained: VQA accuracy on a few known scenes. */
export async function watchStage2(parts: Parts, { test, scale }: Shared, prompts: Prompts): Promise<number> {
  const model = generation(parts, prompts);
  return (await answers(model, { test, split: 'known', count: scale.watched })).accuracy;
}

type Model = ReturnType<typeof generation>;

function answers(model: Model, { test, split, count }: { test: Shared['test']; split: Split; count: number }) {
  const { features, types, questions } = tasksOf(test, split).vqa;
  const few = questions.filter(({ image }) => image < count);
  return evaluateVqa(model, { features, types, questions: few });
}

async function captionLoss(parts: Parts, { test, scale }: Pick<Shared, 'test' | 'scale'>, prompts: Prompts) {
  const { scenes } = test.images.unseen;
  const indices = Array.from({ length: Math.min(scale.batchSize, scenes.features.length) }, (_, i) => i);
  const samples = (index: number) => [{ prompt: prompts.caption, target: scenes.metadata(index).caption }];
  const batch = await collateStage2({ features: scenes.features, samples }, indices, {
    language: languageOf(parts),
    random: () => 0,
  });
  const models = { config: parts.config, language: languageOf(parts) };
  // dropout of these models is 0: the seed has no effect
  const { total, ...terms } = tf.tidy(() => stage2Terms(stage2Params(parts), models, batch, { seed: 0 }));
  const [value] = await total.data();
  tf.dispose([total, ...Object.values(terms)]);
  tf.dispose(batch as unknown as tf.TensorContainer);
  return value as number;
}
