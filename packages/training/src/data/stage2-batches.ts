import { padBatch, toIdTensors } from '@blip2/data';
import * as tf from '@tensorflow/tfjs';
import type { Stage2Batch } from '../stages/stage2.js';
import type { FeatureStore } from './feature-store.js';
import { type PromptTokenizer, padPrompts, promptTokens } from './texts.js';

/** What is asked of an image, in the language model's words, and what it is to say. */
export interface Sample {
  readonly prompt: string;
  readonly target: string;
}

/** Images that were looked at, and what can be learned from each. */
export interface SampleSource {
  readonly features: FeatureStore;
  /** What is learned from an image this time; `random` draws it, uniform in [0,1). */
  samples(index: number, random: () => number): readonly Sample[];
  /** What the image shows, in phrases. */
  phrases(index: number): readonly string[];
}

export interface CollateStage2Options {
  /** The language model that learns: its tokenizer and its special ids. */
  readonly language: PromptTokenizer;
  readonly random: () => number;
}

/** Some images, each with lessons of it, as tensors; the caller owns them. */
export async function collateStage2(
  source: SampleSource,
  places: readonly number[],
  { language, random }: CollateStage2Options,
): Promise<Stage2Batch> {
  const chosen = places.flatMap((place, image) =>
    source.samples(place, random).map((lesson) => ({ image, ...lesson })),
  );
  const shown = paddedPhrases(
    places.map((place) => source.phrases(place)),
    language,
  );
  const [prompts, targets] = [
    padPrompts(
      chosen.map(({ prompt }) => promptTokens(prompt, language)),
      language,
    ),
    padBatch(
      chosen.map((lesson) => targetRow(lesson, language)),
      { pad: language.ids.pad },
    ),
  ];
  const features = await source.features.gather(places); // what can fail comes before the first tensor
  const images = {
    features,
    phraseIds: tf.tensor3d(shown.ids, shown.shape, 'int32'),
    phraseMask: tf.tensor3d(shown.mask, shown.shape, 'int32'),
  };
  if (chosen.length === 0) return images;
  const [prompt, target] = [toIdTensors(prompts), toIdTensors(targets)];
  const imageIndex = tf.tensor1d(
    chosen.map(({ image }) => image),
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

/** The target goes on from the prompt: a space parts them, but for an encoder's prompt, and the end token closes it. */
function targetRow({ prompt, target }: Sample, { tokenizer, ids, kind }: PromptTokenizer): number[] {
  const [end] = ids.eos;
  if (end === undefined) throw new Error('The language model names no token that ends a text; add an eos to its ids.');
  const text = prompt === '' || kind === 'encoder-decoder' ? target : ` ${target}`;
  return [...tokenizer.encode(text, { addSpecialTokens: false }), end];
}

/** Phrases as they stand within a text, [I,P,K]: filled up with none, and words with pads. */
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
