import { padBatch, toIdTensors } from '@blip2/data';
import * as tf from '@tensorflow/tfjs';
import type { Stage2Batch, Stage2PixelBatch } from '../stages/stage2.js';
import { type FeatureStore, imagesAt, type PixelStore } from './feature-store.js';
import { type PromptTokenizer, padPrompts, promptTokens } from './texts.js';

/** A text about an image: the prompt, and the target that the language model should generate after it. */
export interface Sample {
  readonly prompt: string;
  readonly target: string;
}

/** Images by their features, with texts about each. */
export interface SampleSource {
  readonly features: FeatureStore;
  /** Gives the samples of an image in this batch; `random` is uniform in [0,1), for sources that draw them. */
  samples(index: number, random: () => number): readonly Sample[];
  /** Gives phrases that name what an image shows, for the loss term of `phraseWeight`. Default: none. */
  phrases?(index: number): readonly string[];
  /**
   * Words of one token each about which the texts and phrases of these images teach nothing, such as counts where not all of them
   * are shown; see `Stage2Batch.ignoredIds`. Default: none.
   */
  readonly ignoredWords?: readonly string[];
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
  const ignored = source.ignoredWords?.map((word) => idOf(word, language));
  const images = {
    ...(await imagesAt(source, indices)), // what can fail comes before the first tensor
    ...(phrases && {
      phraseIds: tf.tensor3d(phrases.ids, phrases.shape, 'int32'),
      phraseMask: tf.tensor3d(phrases.mask, phrases.shape, 'int32'),
    }),
    ...(ignored && ignored.length > 0 && { ignoredIds: tf.tensor1d(ignored, 'int32') }),
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
    `The ignored word '${word}' is ${rest.length + 1} tokens of the language model; ignore words of one.`,
  );
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
