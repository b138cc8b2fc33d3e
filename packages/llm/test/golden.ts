import { bind } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import {
  loadOpt,
  type OptConfig,
  type OptParams,
  optConfig,
  optSpec,
  type Prompt,
  type SyncLanguageModel,
} from '../src/index.js';
import { readTokenizerFiles } from './files.js';

const { json, openModel, readTensors } = readTokenizerFiles('hf-opt');

export { readTensors };

type Decoded = 'greedy' | 'beam' | 'beam_lp' | 'beam_min';

export type Case = { image: string; prompt: string; input_ids: number[] | null; loss?: number } & {
  [K in Decoded]: number[];
} & { beam_scores: number[]; beam_lp_scores: number[]; beam_min_scores: number[]; beam_min_all: number[][] };

export interface Golden {
  readonly images: string[];
  readonly cases: Case[];
  readonly batch: { input_ids: number[][]; attention_mask: number[][]; greedy: number[][] };
}

export const golden = json<Golden>('golden.json');
const file = json<{ text_config: Record<string, unknown>; num_query_tokens: number; image_token_index: number }>(
  'config.json',
);
export const config: OptConfig = optConfig(file.text_config);
export const Q = file.num_query_tokens;
export const IMAGE = file.image_token_index;

const prefix = 'language_model.';

export async function loadModel(): Promise<SyncLanguageModel> {
  const source = await openModel();
  const model = await loadOpt(source, config, { prefix });
  await source.close();
  return model;
}

export async function loadParams(): Promise<OptParams> {
  const source = await openModel();
  const params = await bind(optSpec(config), source, { prefix });
  await source.close();
  return params;
}

/** The text ids of a case, without the image tokens. */
export const textOf = (c: Case): number[] =>
  (c.input_ids ?? [...new Array<number>(Q).fill(IMAGE), config.bos]).slice(Q);

/** All ids of a case as Hugging Face has them. */
export const historyOf = (c: Case): number[] => [...new Array<number>(Q).fill(IMAGE), ...textOf(c)];

/** The prompt of a case; the caller owns its tensors. */
export function promptOf(c: Case, softPrompts: tf.Tensor): Prompt {
  const photo = golden.images.indexOf(c.image);
  const text = textOf(c);
  return {
    softPrompt: tf.slice(softPrompts, [photo, 0, 0], [1, -1, -1]),
    promptIds: tf.tensor2d(text, [1, text.length], 'int32'),
  };
}
