import { bind } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import {
  loadT5,
  type Prompt,
  type SyncLanguageModel,
  type T5Config,
  type T5Params,
  t5Config,
  t5Spec,
} from '../src/index.js';
import { readTokenizerFiles } from './files.js';

export const { json, openModel, readTensors } = readTokenizerFiles('hf-t5');

type Decoded = 'greedy' | 'beam' | 'beam_lp' | 'beam_min';

export type Case = { image: string; prompt: string; input_ids: number[] | null; labels?: number[]; loss?: number } & {
  [K in Decoded]: number[];
} & { beam_scores: number[]; beam_lp_scores: number[]; beam_min_scores: number[]; beam_min_all: number[][] };

export const golden = json<{
  images: string[];
  cases: Case[];
  batch: { input_ids: number[][]; attention_mask: number[][]; greedy: number[][] };
}>('golden.json');
const file = json<{ text_config: Record<string, unknown>; num_query_tokens: number }>('config.json');
export const config: T5Config = t5Config(file.text_config);
export const Q = file.num_query_tokens;

const prefix = 'language_model.';

export async function loadModel(): Promise<SyncLanguageModel> {
  const source = await openModel();
  const model = await loadT5(source, config, { prefix });
  await source.close();
  return model;
}

export async function loadParams(): Promise<T5Params> {
  const source = await openModel();
  const params = await bind(t5Spec(config), source, { prefix });
  await source.close();
  return params;
}

/** The ids of a case that the encoder reads after the soft prompt. */
export const textOf = (c: Case): number[] => c.input_ids?.slice(Q) ?? [config.bos];

/** What the encoder reads in a case; the caller owns its tensors. */
export function promptOf(c: Case, softPrompts: tf.Tensor): Prompt {
  const text = textOf(c);
  return {
    softPrompt: tf.slice(softPrompts, [golden.images.indexOf(c.image), 0, 0], [1, -1, -1]),
    promptIds: tf.tensor2d(text, [1, text.length], 'int32'),
  };
}
