import { adapterSpec } from '@blip2/llm';
import { fromBert, type QFormerConfig, qformerConfig } from '@blip2/qformer';
import { dispose, type Flat, flatten, initialize, mapFlat, unflatten } from '@blip2/tensor';
import type { VisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import type { BertModel, LanguageModelWithTokenizer } from './frozen-models.js';
import { type Stage1Params, type Stage2Params, stage1Spec, stage2FromStage1, stage2Spec } from './stages/specs.js';
import { visionNormSpec } from './stages/vision-norm.js';

export interface ComposeOptions {
  readonly vision: VisionEncoder;
  readonly text: BertModel;
  /** Needed for stage 2. */
  readonly language?: LanguageModelWithTokenizer;
  /** What differs from the paper's Q-Former. Width of the encoder and vocabulary follow from the other parts. */
  readonly qformer?: Partial<QFormerConfig>;
  /** Of everything that begins with random numbers. Default 0. */
  readonly seed?: number;
}

/** Frozen models and what is trained between them. */
export interface Parts extends Disposable {
  readonly vision: VisionEncoder;
  readonly text: BertModel;
  readonly language?: LanguageModelWithTokenizer;
  readonly config: QFormerConfig;
  readonly seed: number;
  /** What stage 1 trains, by path; training puts new tensors in place of the old ones. */
  readonly stage1: Flat;
  /** What stage 2 trains; empty until `initializeStage2`. */
  readonly stage2: Flat;
  /** Frees what was made here; the frozen models stay with whoever loaded them. */
  dispose(): void;
}

/** Puts a Q-Former between an image encoder and a language model, begun as BERT where there is one, whose source it closes. */
export async function compose(options: ComposeOptions): Promise<Parts> {
  try {
    return await composed(options);
  } finally {
    await options.text.source?.close();
  }
}

async function composed({ vision, text, language, qformer = {}, seed = 0 }: ComposeOptions): Promise<Parts> {
  const config = qformerConfig(
    {},
    {
      ...positionsOf(text),
      ...qformer,
      encoderWidth: vision.width,
      vocabSize: text.tokenizer.vocabSize,
      textInput: true,
    },
  );
  const stage1 = await firstWeights(config, text, seed);
  const stage2: Flat = {};
  const free = (): void => dispose({ stage1, stage2 });
  return {
    vision,
    text,
    ...(language ? { language } : {}),
    config,
    seed,
    stage1,
    stage2,
    dispose: free,
    [Symbol.dispose]: free,
  };
}

/** As many positions as the BERT has that the Q-Former begins as. */
function positionsOf({ source }: BertModel): Partial<QFormerConfig> {
  const table = [...(source?.names ?? [])].find(([name]) => name.endsWith('embeddings.position_embeddings.weight'));
  return table ? { maxPositions: table[1].shape[0] as number } : {};
}

async function firstWeights(config: QFormerConfig, { source }: BertModel, seed: number): Promise<Flat> {
  if (!source) return flatten(initialize(stage1Spec(config), seed));
  const qformer = await fromBert(config, source, { seed });
  return flatten({ ...qformer, ...initialize(visionNormSpec(config.encoderWidth), seed) });
}

/** The tree of stage 1, of the tensors of this moment. */
export const stage1Params = ({ config, stage1 }: Pick<Parts, 'config' | 'stage1'>): Stage1Params =>
  unflatten(stage1Spec(config), stage1);

/** The tree of stage 2, of the tensors of this moment. */
export function stage2Params(parts: Parts): Stage2Params {
  const { width } = languageOf(parts);
  return unflatten(stage2Spec(parts.config, width), parts.stage2);
}

/** @throws where the parts were composed without a language model. */
export function languageOf(parts: Parts): LanguageModelWithTokenizer {
  if (parts.language) return parts.language;
  throw new Error('Stage 2 needs a language model; give one to compose.');
}

/** Begins stage 2 where stage 1 stands: copies of the queries' path, and a bridge to the language model. */
export function initializeStage2(parts: Parts): void {
  const { width } = languageOf(parts);
  dispose(parts.stage2);
  const kept = flatten(stage2FromStage1(stage1Params(parts)));
  Object.assign(
    parts.stage2,
    mapFlat(kept, copy),
    flatten(initialize(adapterSpec(parts.config.hiddenSize, width), parts.seed)),
  );
}

/** Another buffer with the same values: an optimizer may write in place. */
const copy = (x: tf.Tensor): tf.Tensor => tf.keep(tf.mul(x, 1));
