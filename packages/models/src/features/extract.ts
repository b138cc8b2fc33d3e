import { imageFeatures, matchPass, queryOutput, textPass, textTokenFeatures } from '@blip2/qformer';
import { linear } from '@blip2/tensor';
import { normFeatures, textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { type ImageInput, withEncodedImages } from '../encode-images.js';
import type { LoadedModel, RetrievalModel } from '../folder/loaded-model.js';
import { anyModel, type Models, retrievalModel } from '../select-model.js';

/** Features of one input by name (`last_hidden_state`, `image_embeds`, …), without a batch axis. */
export interface Features {
  readonly [name: string]: { readonly shape: readonly number[]; readonly values: Float32Array };
}

/** The kinds of features that can be extracted. */
export const featureKinds = ['image', 'text', 'multimodal', 'vision'] as const;
/** What features are of: an image, a text, an image with a text, or the image encoder alone. */
export type FeatureKind = (typeof featureKinds)[number];

/** Extracts the output of the image encoder after `ln_vision`: `last_hidden_state` [N,D]. */
export function extractVisionFeatures(models: Models, image: ImageInput): Promise<Features> {
  const model = anyModel(models);
  return compute(model, image, (features) => ({ last_hidden_state: features }));
}

/**
 * Extracts the output of the queries of the Q-Former: `image_embeds` [Q,W], and of a retrieval model
 * `image_embeds_proj` [Q,E], which ITC compares with texts, or of a generation model `soft_prompt` [Q,L], the input of
 * the language model.
 */
export function extractImageFeatures(models: Models, image: ImageInput): Promise<Features> {
  const model = anyModel(models);
  return compute(model, image, (features) => {
    const output = queryOutput(model.params, model.config, features);
    return model.kind === 'retrieval'
      ? { image_embeds: output, image_embeds_proj: imageFeatures(model.params, output) }
      : { image_embeds: output, soft_prompt: linear(model.params.language_projection, output) };
  });
}

/**
 * Extracts unimodal text features: `text_embeds` [T,W] and `text_embeds_proj` [T,E] of every token. ITC compares the
 * first token's with images.
 * @throws for a model that is not a retrieval model
 */
export async function extractTextFeatures(models: Models, text: string): Promise<Features> {
  const model = retrievalModel(models);
  const { params, config } = model;
  return read(() => {
    const hidden = textPass(params, config, idsOf(model, text));
    return { text_embeds: hidden, text_embeds_proj: textTokenFeatures(params, hidden) };
  });
}

/**
 * Extracts the output of the queries for an image together with a text, which ITM classifies: `multimodal_embeds` [Q,W].
 * @throws for a model that is not a retrieval model
 */
export async function extractMultimodalFeatures(models: Models, image: ImageInput, text: string): Promise<Features> {
  const model = retrievalModel(models);
  const { params, config } = model;
  return compute(model, image, (features) => {
    const { output } = matchPass(params, config, { ...idsOf(model, text), features });
    return { multimodal_embeds: output };
  });
}

const idsOf = ({ tokenizer, config }: RetrievalModel, text: string) =>
  textTensors([text], { tokenizer, textLength: config.maxPositions });

/** Encodes an image and reads back what `extract` computes of its normalized features. */
const compute = (
  model: LoadedModel,
  image: ImageInput,
  extract: (features: tf.Tensor3D) => Record<string, tf.Tensor>,
): Promise<Features> =>
  withEncodedImages(model, [image], (features) => read(() => extract(normFeatures(model.params, features))));

/** Reads tensors [1,…] back and disposes them. */
async function read(compute: () => Record<string, tf.Tensor>): Promise<Features> {
  const tensors = tf.tidy(compute);
  try {
    const entries = Object.entries(tensors).map(async ([name, tensor]) => {
      return [name, { shape: tensor.shape.slice(1), values: (await tensor.data()) as Float32Array }] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  } finally {
    tf.dispose(tensors);
  }
}
