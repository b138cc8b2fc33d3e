import { type EncodedImage, matchTexts, pairLogits, type RetrievalModel } from '@blip2/models';
import { textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { type Decoder, encode, Refusal } from './image.js';
import type { ImageBytes, RerankTask, Results, TextOrImage } from './task.js';
import { throwIfAborted } from './throw-if-aborted.js';

/** A model that matches, and how images for it are decoded. */
export interface Matcher {
  readonly model: RetrievalModel;
  readonly decoder: Decoder;
}

const isText = (one: TextOrImage): one is string => typeof one === 'string';
const isImage = (one: TextOrImage): one is ImageBytes => typeof one !== 'string';

/**
 * Scores documents against a query by the probability of ITM that they match.
 * @throws Refusal unless the documents are images and the query a text, or the other way round, and for images that cannot be read
 */
export async function rerank(
  matcher: Matcher,
  { query, documents }: RerankTask,
  signal: AbortSignal,
): Promise<Results['rerank']> {
  if (isText(query) && documents.every(isImage)) {
    const scores = await imagesByText(matcher, { text: query, images: documents }, signal);
    return { scores, tokens: textLength(matcher.model, [query]) };
  }
  if (isImage(query) && documents.every(isText)) {
    using image = await encode(matcher.model, query, matcher.decoder);
    const scores: number[] = [];
    for (let start = 0; start < documents.length; start += TEXTS) {
      await throwIfAborted(signal);
      const texts = documents.slice(start, start + TEXTS);
      scores.push(...(await matchTexts(matcher.model, { features: image.features, texts })).map(({ itm }) => itm));
    }
    return { scores, tokens: textLength(matcher.model, documents) };
  }
  throw new Refusal(
    'ITM scores images against a text or texts against an image; give a query of one kind and documents of the other.',
  );
}

/** Texts per batch, and images; batches of images are padded to this size, so that equal images have equal scores. */
const TEXTS = 16;
const IMAGES = 8;

async function imagesByText(
  { model, decoder }: Matcher,
  { text, images }: { readonly text: string; readonly images: readonly ImageBytes[] },
  signal: AbortSignal,
): Promise<number[]> {
  const scores: number[] = [];
  for (let start = 0; start < images.length; start += IMAGES) {
    const encoded: EncodedImage[] = [];
    try {
      for (const image of images.slice(start, start + IMAGES)) {
        await throwIfAborted(signal);
        encoded.push(await encode(model, image, decoder));
      }
      scores.push(...(await probabilities(model, text, encoded)));
    } finally {
      for (const image of encoded) image.dispose();
    }
  }
  return scores;
}

/** The ITM probability of each image with the text. */
async function probabilities(model: RetrievalModel, text: string, images: readonly EncodedImage[]): Promise<number[]> {
  const probabilities = tf.tidy(() => {
    const features = tf.concat(images.map((image) => image.features));
    const pairs = { features, texts: images.map(() => text), images: images.map((_, i) => i) };
    const options = { tokenizer: model.tokenizer, textLength: model.config.maxPositions, padTo: IMAGES };
    return tf.slice(tf.softmax(pairLogits(model, pairs, options)), [0, 1], [images.length, 1]);
  });
  try {
    return [...(await probabilities.data())];
  } finally {
    probabilities.dispose();
  }
}

/** The number of tokens of texts, as the Q-Former reads them. */
export function textLength({ tokenizer, config }: RetrievalModel, texts: readonly string[]): number {
  if (texts.length === 0) return 0;
  const { ids, mask } = textTensors(texts, { tokenizer, textLength: config.maxPositions });
  const length = tf.tidy(() => tf.sum(mask).dataSync()[0] as number);
  tf.dispose([ids, mask]);
  return length;
}
