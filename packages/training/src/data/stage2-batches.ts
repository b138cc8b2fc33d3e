import { padBatch, toIdTensors } from '@blip2/data';
import * as tf from '@tensorflow/tfjs';
import type { Stage2Batch, Stage2PixelBatch } from '../stages/stage2.js';
import { type FeatureStore, imagesAt, type PixelStore } from './feature-store.js';
import { type PromptTokenizer, padPrompts, promptTokens } from './texts.js';

/** A text about an image: the prompt, and the target that the language model should generate after it. */
export interface Sample {
  readonly prompt: string;
  readonly target: string;
  /** Words that do not compete with a word of the target; see `Stage2Texts.heldOutIds`. Default: none. */
  readonly heldOut?: readonly HeldOutWord[];
  /** The weight of each word of the target in the loss; see `Stage2Texts.targetWeights`. Default: all are 1. */
  readonly weights?: readonly number[];
}

/** A word that the loss of a target's word leaves out of its softmax. */
export interface HeldOutWord {
  /** The place of the target's word among its words, which spaces separate. */
  readonly place: number;
  /** One token of the language model. */
  readonly word: string;
}

/** Images by their features, with texts about each. */
export interface SampleSource {
  readonly features: FeatureStore;
  /** Gives the samples of an image in this batch; `random` is uniform in [0,1), for sources that draw them. */
  samples(index: number, random: () => number): readonly Sample[];
  /** Gives phrases that name what an image shows, for the loss term of `phraseWeight`. Default: none. */
  phrases?(index: number): readonly string[];
  /** Gives for each phrase a word of one token that does not compete with its words; see `Stage2Batch.phraseHeldOutIds`. Default: none. */
  heldOutOfPhrases?(index: number): readonly (string | undefined)[];
}

/** Images by their pixels, with texts about each. */
export type PixelSampleSource = Omit<SampleSource, 'features'> & { readonly pixels: PixelStore };

/** Options of `collateStage2`. */
export interface CollateStage2Options {
  /** The language model, for its tokenizer and special ids. */
  readonly language: PromptTokenizer;
  /** Random numbers, uniform in [0,1). */
  readonly random: () => number;
}

/**
 * Collates images and their samples as a batch of stage 2. The caller owns the tensors; `trainStage2` frees those of its
 * batches.
 * @param indices the images of the batch
 */
export async function collateStage2(
  source: SampleSource,
  indices: readonly number[],
  options: CollateStage2Options,
): Promise<Stage2Batch>;
export async function collateStage2(
  source: PixelSampleSource,
  indices: readonly number[],
  options: CollateStage2Options,
): Promise<Stage2PixelBatch>;
export async function collateStage2(
  source: SampleSource | PixelSampleSource,
  indices: readonly number[],
  { language, random }: CollateStage2Options,
): Promise<Stage2Batch | Stage2PixelBatch> {
  const samples = indices.flatMap((index, image) =>
    source.samples(index, random).map((sample) => ({ image, ...sample })),
  );
  const phrases =
    source.phrases &&
    paddedPhrases(
      indices.map((index) => source.phrases?.(index) ?? []),
      language,
    );
  const [prompts, targets] = [
    padPrompts(
      samples.map(({ prompt }) => promptTokens(prompt, language)),
      language,
    ),
    padBatch(
      samples.map((sample) => targetRow(sample, language)),
      { pad: language.ids.pad },
    ),
  ];
  const phraseHeldOut = phrases && heldOutOfPhrases(source, indices, { most: phrases.shape[1], language });
  const weights = weightRows(samples, { length: targets.shape[1], language });
  const heldOut = heldOutRows(samples, { length: targets.shape[1], language });
  const images = {
    ...(await imagesAt(source, indices)), // what can fail comes before the first tensor
    ...(phrases && {
      phraseIds: tf.tensor3d(phrases.ids, phrases.shape, 'int32'),
      phraseMask: tf.tensor3d(phrases.mask, phrases.shape, 'int32'),
    }),
    ...(phraseHeldOut && { phraseHeldOutIds: tf.tensor2d(phraseHeldOut, undefined, 'int32') }),
  };
  if (samples.length === 0) return images;
  const [prompt, target] = [toIdTensors(prompts), toIdTensors(targets)];
  const imageIndex = tf.tensor1d(
    samples.map(({ image }) => image),
    'int32',
  );
  return {
    ...images,
    texts: {
      imageIndex,
      promptIds: prompt.ids,
      promptMask: prompt.mask,
      targetIds: target.ids,
      targetMask: target.mask,
      ...(heldOut && { heldOutIds: tf.tensor2d(heldOut, undefined, 'int32') }),
      ...(weights && { targetWeights: tf.tensor2d(weights) }),
    },
  };
}

/** The target's ids: separated by a space from a decoder's prompt, and ended by EOS. */
function targetRow({ prompt, target }: Sample, { tokenizer, ids, kind }: PromptTokenizer): number[] {
  const [end] = ids.eos;
  if (end === undefined) throw new Error('The language model has no EOS token; add one to the eos of its ids.');
  const text = prompt === '' || kind === 'encoder-decoder' ? target : ` ${target}`;
  return [...tokenizer.encode(text, { addSpecialTokens: false }), end];
}

/** The token of a word within a text. @throws where it has several */
function idOf(word: string, { tokenizer }: PromptTokenizer): number {
  const [id, ...rest] = tokenizer.encode(` ${word}`, { addSpecialTokens: false });
  if (id !== undefined && rest.length === 0) return id;
  throw new Error(
    `The held-out word '${word}' is ${rest.length + 1} tokens of the language model; hold out words of one.`,
  );
}

/** The token that does not compete with each token of the targets, [B,T], -1 for none; undefined where none has one. */
function heldOutRows(
  samples: readonly Sample[],
  { length, language }: { readonly length: number; readonly language: PromptTokenizer },
): number[][] | undefined {
  if (!samples.some(({ heldOut }) => heldOut?.length)) return undefined;
  return samples.map(({ target, heldOut = [], ...sample }) => {
    const row: number[] = Array(length).fill(-1);
    for (const { place, word } of heldOut) row[tokenAt(place, { target, ...sample }, language)] = idOf(word, language);
    return row;
  });
}

/** The weight of each token of the targets, [B,T]: that of its word, 1 for their ends; undefined where none has weights. */
function weightRows(
  samples: readonly Sample[],
  { length, language }: { readonly length: number; readonly language: PromptTokenizer },
): number[][] | undefined {
  if (!samples.some(({ weights }) => weights)) return undefined;
  return samples.map(({ weights = [], ...sample }) => {
    const row: number[] = Array(length).fill(1);
    weights.forEach((weight, place) => {
      row.fill(weight, tokenAt(place, sample, language), tokenAt(place + 1, sample, language));
    });
    return row;
  });
}

/** The place of a word's first token among those of a target. */
function tokenAt(place: number, { target, ...sample }: Sample, language: PromptTokenizer): number {
  if (place === 0) return 0; // the row of no words is the end alone
  const before = target.split(' ').slice(0, place).join(' ');
  return targetRow({ ...sample, target: before }, language).length - 1;
}

/** The token that does not compete with the words of each phrase, [I,R], -1 for none; undefined for a source that holds none out. */
function heldOutOfPhrases(
  source: Pick<SampleSource, 'heldOutOfPhrases'>,
  indices: readonly number[],
  { most, language }: { readonly most: number; readonly language: PromptTokenizer },
): number[][] | undefined {
  if (!source.heldOutOfPhrases) return undefined;
  return indices.map((index) => {
    const words = source.heldOutOfPhrases?.(index) ?? [];
    return Array.from({ length: most }, (_, i) => (words[i] === undefined ? -1 : idOf(words[i], language)));
  });
}

/** Phrases tokenized as within a text, [I,P,K], padded. */
function paddedPhrases(rows: readonly (readonly string[])[], { tokenizer, ids }: PromptTokenizer) {
  const most = Math.max(...rows.map((phrases) => phrases.length));
  const encoded = rows.flatMap((phrases) =>
    Array.from({ length: most }, (_, i) => {
      return i < phrases.length ? tokenizer.encode(` ${phrases[i]}`, { addSpecialTokens: false }) : [];
    }),
  );
  const { ids: flat, mask, shape } = padBatch(encoded, { pad: ids.pad });
  return { ids: flat, mask, shape: [rows.length, most, shape[1]] as [number, number, number] };
}
