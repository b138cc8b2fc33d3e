import { poolImageFeatures, type RetrievalModel } from '@blip2/models';
import { imageFeatures, queryOutput, textFeatures, textPass } from '@blip2/qformer';
import { normFeatures, textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { encode } from './image.js';
import { type Matcher, textLength } from './rerank.js';
import type { EmbedTask, Results } from './task.js';
import { throwIfAborted } from './throw-if-aborted.js';

/**
 * Computes a vector of length 1 for each input: of a text its ITC feature, the projection of the first token; of an image the mean
 * of its queries' ITC features, scaled.
 * @throws Refusal for images that cannot be read
 */
export async function embed(
  { model, decoder }: Matcher,
  { inputs }: EmbedTask,
  signal: AbortSignal,
): Promise<Results['embed']> {
  const vectors: Float32Array[] = [];
  for (const input of inputs) {
    await throwIfAborted(signal);
    if (typeof input === 'string') vectors.push(await read(() => textVector(model, input)));
    else {
      using image = await encode(model, input, decoder);
      vectors.push(await read(() => imageVector(model, image.features)));
    }
  }
  const texts = inputs.filter((one): one is string => typeof one === 'string');
  return { vectors, tokens: textLength(model, texts) };
}

function textVector({ params, config, tokenizer }: RetrievalModel, text: string): tf.Tensor {
  const texts = textTensors([text], { tokenizer, textLength: config.maxPositions });
  return textFeatures(params, textPass(params, config, texts)); // [1,E]
}

const imageVector = ({ params, config }: RetrievalModel, features: tf.Tensor3D): tf.Tensor =>
  poolImageFeatures(imageFeatures(params, queryOutput(params, config, normFeatures(params, features)))); // [1,E]

async function read(compute: () => tf.Tensor): Promise<Float32Array> {
  const tensor = tf.tidy(compute);
  try {
    return (await tensor.data()) as Float32Array;
  } finally {
    tensor.dispose();
  }
}
