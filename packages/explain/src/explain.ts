import { applyProcessor, type DecodedImage, decodeImage, type ImageSource } from '@blip2/data';
import {
  anyModel,
  encodeImages,
  type LoadedModel,
  type Match,
  type Models,
  matchTexts,
  retrievalModel,
} from '@blip2/models';
import { type AttentionOptions, type PatchMaps, queryAttention } from './attention.js';
import { type WordMaps, wordRelevance } from './word-relevance.js';

/** Options of {@link explain}. */
export interface ExplainOptions extends AttentionOptions {
  /** A text that is matched with the image; the relevance of its words is computed too. Needs a retrieval model. */
  readonly text?: string | undefined;
}

/** What a model attends to in an image. */
export interface Explanation {
  /** The part of the image that the patches cover. */
  readonly image: DecodedImage;
  /** The cross-attention of each query. */
  readonly queries: PatchMaps;
  /** The cross-attention layer that `queries` are of; undefined for the mean of all. */
  readonly layer?: number | undefined;
  /** The text with its scores and the relevance of each of its words. */
  readonly text?: (Match & { readonly text: string; readonly words: WordMaps }) | undefined;
}

/**
 * Computes the cross-attention of each query over an image and, with a `text`, ITM probability, ITC similarity and the
 * relevance of each word. `renderSheet` draws the result.
 * @param models what `fromPretrained` gives, or one model; the retrieval model is taken where there are two
 * @throws where the image cannot be read, the encoder's features are no square grid, the layer does not exist, or there is
 * a text but no retrieval model
 */
export async function explain(
  models: Models,
  image: ImageSource,
  { text, layer }: ExplainOptions = {},
): Promise<Explanation> {
  const model = text === undefined ? anyModel(models) : retrievalModel(models);
  const decoded = await decodeImage(image, { orient: model.orient });
  const features = await encodeImages(model, [decoded]);
  try {
    const queries = await queryAttention(model, features, { layer });
    const explanation: Explanation = { image: coveredPart(decoded, model), queries, layer };
    if (text === undefined || model.kind !== 'retrieval') return explanation;
    const [match] = await matchTexts(model, { features, texts: [text] });
    return { ...explanation, text: { text, ...match!, words: await wordRelevance(model, { features, text }) } };
  } finally {
    features.dispose();
  }
}

/** What the patches cover: the whole image, whose aspect a processor may change, or its center where one crops. */
const coveredPart = (image: DecodedImage, { processor }: LoadedModel): DecodedImage =>
  processor.crop ? applyProcessor(image, processor) : image;
