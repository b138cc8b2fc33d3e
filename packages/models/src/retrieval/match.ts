import { similarity } from '@blip2/losses';
import { imageFeatures, itmLogits, matchPass, queryOutput, textFeatures, textPass } from '@blip2/qformer';
import { normFeatures, type TextTensors, textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import type { RetrievalModel } from '../folder/loaded-model.js';

/** How well a text fits an image. */
export interface Match {
  /** The probability that they belong together, by the matching head. */
  readonly itm: number;
  /** Their similarity, -1 to 1: the best of the queries' features with the text's. No temperature. */
  readonly itc: number;
}

/** What comparing needs of a model; one still in training has it too. */
export type ItmScorer = Pick<RetrievalModel, 'config' | 'params' | 'tokenizer'>;

const AT_ONCE = 16;

/** Holds texts against one image, features [1,N,D] of the image encoder. Texts too long for the model are cut. */
export async function matchTexts(
  model: ItmScorer,
  { features, texts }: { features: tf.Tensor3D; texts: readonly string[] },
): Promise<Match[]> {
  const { config, tokenizer } = model;
  const matches: Match[] = [];
  const options = { tokenizer, textLength: config.maxPositions };
  for (let start = 0; start < texts.length; start += AT_ONCE) {
    const batch = texts.slice(start, start + AT_ONCE);
    const scores = tf.tidy(() => scorePairs(model, features, textTensors(batch, options)));
    const values = await scores.data();
    scores.dispose();
    batch.forEach((_, i) => {
      matches.push({ itm: values[2 * i] as number, itc: values[2 * i + 1] as number });
    });
  }
  return matches;
}

/** [B,2]: ITM probability and ITC similarity of each text with the one image. */
function scorePairs({ params, config }: ItmScorer, features: tf.Tensor3D, texts: TextTensors) {
  const B = texts.ids.shape[0];
  const seen = normFeatures(params, features);
  const image = imageFeatures(params, queryOutput(params, config, seen)); // [1,Q,E]
  const itc = tf.reshape(similarity(image, textFeatures(params, textPass(params, config, texts))), [B]);
  const { output } = matchPass(params, config, { ...texts, features: seen, imageIndex: tf.zeros([B], 'int32') });
  const itm = tf.slice(tf.softmax(itmLogits(params, output)), [0, 1], [B, 1]);
  return tf.concat([itm, tf.expandDims(itc, 1)], 1);
}
