import { imageFeatures, matchPass, queryOutput, textPass, textTokenFeatures } from '@blip2/qformer';
import { linear } from '@blip2/tensor';
import { normFeatures, textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { type ImageInput, withEncodedImages } from '../encode-images.js';
import type { LoadedModel, RetrievalModel } from '../folder/loaded-model.js';
import { anyModel, type Models, retrievalModel } from '../select-model.js';

/** Features by their names in the reference (specification 2.6), without the batch axis. */
export interface Features {
  readonly [name: string]: { readonly shape: readonly number[]; readonly values: Float32Array };
}

export const featureKinds = ['image', 'text', 'multimodal', 'vision'] as const;
export type FeatureKind = (typeof featureKinds)[number];

/** What the image encoder sees, after the norm that stands before the Q-Former: `last_hidden_state` [N,D]. */
export function extractVisionFeatures(models: Models, image: ImageInput): Promise<Features> {
  const model = anyModel(models);
  return compute(model, image, (seen) => ({ last_hidden_state: seen }));
}

/**
 * What the queries see: `image_embeds` [Q,W], and by kind of model `image_embeds_proj` [Q,E], by which images are compared
 * with texts, or `soft_prompt` [Q,L], which a language model reads.
 */
export function extractImageFeatures(models: Models, image: ImageInput): Promise<Features> {
  const model = anyModel(models);
  return compute(model, image, (seen) => {
    const output = queryOutput(model.params, model.config, seen);
    return model.kind === 'retrieval'
      ? { image_embeds: output, image_embeds_proj: imageFeatures(model.params, output) }
      : { image_embeds: output, soft_prompt: linear(model.params.language_projection, output) };
  });
}

/** A text alone: `text_embeds` [T,W] and `text_embeds_proj` [T,E] of every token; the first one's is compared with images. */
export async function extractTextFeatures(models: Models, text: string): Promise<Features> {
  const model = retrievalModel(models);
  const { params, config } = model;
  return read(() => {
    const hidden = textPass(params, config, idsOf(model, text));
    return { text_embeds: hidden, text_embeds_proj: textTokenFeatures(params, hidden) };
  });
}

/** What the queries see of an image together with a text: `multimodal_embeds` [Q,W]. */
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

/** Looks at an image, and reads what `features` makes of what the Q-Former gets of it. */
const compute = (
  model: LoadedModel,
  image: ImageInput,
  features: (seen: tf.Tensor3D) => Record<string, tf.Tensor>,
): Promise<Features> =>
  withEncodedImages(model, [image], (looked) => read(() => features(normFeatures(model.params, looked))));

/** Reads tensors [1,…] back and frees them. */
async function read(features: () => Record<string, tf.Tensor>): Promise<Features> {
  const made = tf.tidy(features);
  try {
    const entries = Object.entries(made).map(async ([name, tensor]) => {
      return [name, { shape: tensor.shape.slice(1), values: (await tensor.data()) as Float32Array }] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  } finally {
    tf.dispose(made);
  }
}
