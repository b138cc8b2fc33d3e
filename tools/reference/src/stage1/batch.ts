import type * as tf from '@tensorflow/tfjs';
import type { Checks } from '../checks.js';
import type { Folder } from '../folder.js';
import { type Json, numberOf } from '../json.js';

export interface Batch {
  readonly features: tf.Tensor3D;
  readonly ids: tf.Tensor2D;
  readonly mask: tf.Tensor2D;
  readonly negatives: { readonly image: tf.Tensor1D; readonly text: tf.Tensor1D };
  /** The decoder's start sign, [DEC]. */
  readonly start: number;
  readonly pad: number;
  readonly smoothing: { readonly itc: number; readonly itg: number };
}

/** The golden inputs. @param json the folder's config */
export async function batchOf(folder: Folder, checks: Checks, json: Json): Promise<Batch> {
  checks.input('image_embeds', 'input_ids', 'attention_mask', 'neg_image', 'neg_text');
  return {
    features: await folder.tensor('image_embeds'),
    ids: await folder.tensor('input_ids'),
    mask: await folder.tensor('attention_mask'),
    negatives: { image: await folder.tensor('neg_image'), text: await folder.tensor('neg_text') },
    start: numberOf(json, 'bos_token_id'),
    pad: numberOf(json, 'pad_token_id', 0),
    smoothing: {
      itc: numberOf(json, 'label_smoothing_itc', 0.1),
      itg: numberOf(json, 'label_smoothing_itg', 0.1),
    },
  };
}
