import { adapterSpec } from '@blip2/llm';
import { bertConfig, fromBert, type QFormerConfig, qformerConfig } from '@blip2/qformer';
import { dispose, type Flat, flatten, initialize, mapFlat, unflatten } from '@blip2/tensor';
import type { VisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { type BackendReport, ensureBackend } from './backend.js';
import type { BertModel, LanguageModelWithTokenizer } from './frozen-models.js';
import { expectSameSizes, type InitialModels, initialSizes, readStage1, readStage2 } from './initial.js';
import { type Stage1Params, type Stage2Params, stage1Spec, stage2FromStage1, stage2Spec } from './stages/specs.js';
import { visionNormSpec } from './stages/vision-norm.js';

/** What may be chosen of a Q-Former that is composed; the other sizes follow from its encoder and its tokenizer. */
export type ComposedQFormer = Omit<Partial<QFormerConfig>, 'encoderWidth' | 'vocabSize' | 'textInput'>;

/** Options of `compose`. */
export interface ComposeOptions {
  /** The frozen image encoder; borrowed. */
  readonly vision: VisionEncoder;
  /** The Q-Former's tokenizer, and the BERT whose weights it starts from unless they are to be random; borrowed. */
  readonly text: BertModel;
  /** The frozen language model, which stage 2 needs; borrowed. */
  readonly language?: LanguageModelWithTokenizer;
  /**
   * Configuration of the Q-Former. Default: the sizes of the model in `initial`, else of the BERT that is given, and else those
   * of the paper (BERT-base with 32 queries).
   */
  readonly qformer?: ComposedQFormer;
  /** Trained models to start from, instead of BERT or random weights; borrowed. */
  readonly initial?: InitialModels;
  /** Seed of all random initialization. Default 0. */
  readonly seed?: number;
}

/** The frozen models, and the trainable parameters between them. */
export interface Parts extends Disposable {
  readonly vision: VisionEncoder;
  readonly text: BertModel;
  readonly language?: LanguageModelWithTokenizer;
  /** The whole configuration of the Q-Former. */
  readonly config: QFormerConfig;
  readonly seed: number;
  /** The backend that TensorFlow.js computes with. */
  readonly backend: BackendReport;
  /**
   * The parameters that stage 1 trains, by path; training replaces the tensors. Empty where `initial` has a model of stage 2
   * alone, which does not start from stage 1.
   */
  readonly stage1: Flat;
  /** The parameters that stage 2 trains, by path; empty until `initializeStage2`, unless `initial` has a model of stage 2. */
  readonly stage2: Flat;
  /** The image encoder's parameters that were trained, by path after `vision_model.`; empty while it is frozen. */
  readonly encoder: Flat;
  /** The language model's low-rank adapters (LoRA), by path after `language_model.`; empty where stage 2 trains none. */
  readonly adapters: Flat;
  /** Frees the parameters of both stages, of `encoder` and the adapters. The frozen models are freed by whoever loaded them. */
  dispose(): void;
}

/**
 * Puts a Q-Former between an image encoder and a language model, initialized from the models in `initial` where they are given,
 * else from BERT (BLIP-2, section 3.1) where `text` has its weights, and else randomly. Where no backend of TensorFlow.js was chosen, it makes `simd` compute (see `ensureBackend`).
 * @returns parts that the caller disposes
 * @throws for a size of the Q-Former that contradicts the BERT or a model in `initial`, and BindError naming the tensors that
 * they lack or have in other shapes
 */
export async function compose(options: ComposeOptions): Promise<Parts> {
  const backend = await ensureBackend();
  const { vision, text, language, qformer = {}, initial = {}, seed = 0 } = options;
  const config = qformerConfig(
    {},
    {
      ...(initialSizes(initial) ?? sizesOf(text, qformer)),
      ...qformer,
      encoderWidth: vision.width,
      vocabSize: text.tokenizer.vocabSize,
      textInput: true,
    },
  );
  expectSameSizes(config, initial);
  const stage1 = await initialStage1(config, options);
  const stage2 = await initialStage2(config, options).catch((error: unknown) => {
    dispose(stage1);
    throw error;
  });
  const [encoder, adapters]: [Flat, Flat] = [{}, {}];
  const free = (): void => dispose({ stage1, stage2, encoder, adapters });
  return {
    vision,
    text,
    ...(language ? { language } : {}),
    config,
    seed,
    backend,
    stage1,
    stage2,
    encoder,
    adapters,
    dispose: free,
    [Symbol.dispose]: free,
  };
}

/** Sizes that a Q-Former shares with the BERT whose weights it starts from. */
const SHARED = ['layers', 'hiddenSize', 'intermediateSize', 'maxPositions'] as const;

/** The configuration that follows from a BERT. @throws for a size that the user wants otherwise */
function sizesOf({ weights, config }: BertModel, qformer: ComposedQFormer): Partial<QFormerConfig> {
  if (!weights) return {};
  const sizes: Partial<QFormerConfig> = { ...bertConfig(weights), ...config };
  for (const key of SHARED) {
    const [wanted, has] = [qformer[key], sizes[key]];
    if (wanted === undefined || has === undefined || wanted === has) continue;
    throw new Error(
      `The Q-Former's ${key} cannot be ${wanted}, because the BERT that it starts from (${weights.origin}) has ${has}; ` +
        `leave ${key} out of qformer, or give text without weights.`,
    );
  }
  return sizes;
}

async function initialStage1(config: QFormerConfig, { text, initial = {}, seed = 0 }: ComposeOptions): Promise<Flat> {
  if (initial.stage1) return readStage1(config, initial.stage1, seed);
  if (initial.stage2) return {};
  const { weights } = text;
  if (!weights) return flatten(initialize(stage1Spec(config), seed));
  const qformer = await fromBert(config, weights, { seed });
  return flatten({ ...qformer, ...initialize(visionNormSpec(config.encoderWidth), seed) });
}

async function initialStage2(config: QFormerConfig, { language, initial = {} }: ComposeOptions): Promise<Flat> {
  if (!initial.stage2) return {};
  return readStage2(config, initial.stage2, languageOf(language ? { language } : {}).width);
}

/**
 * Gives the parameters of stage 1 as a tree, with the tensors as they are now; training replaces them.
 * @throws where the parts were composed from a model of stage 2 alone
 */
export function stage1Params({ config, stage1 }: Pick<Parts, 'config' | 'stage1'>): Stage1Params {
  if (Object.keys(stage1).length > 0) return unflatten(stage1Spec(config), stage1);
  throw new Error('These parts start from a model of stage 2 and have no stage 1; give compose one of stage 1 too.');
}

/**
 * Gives the parameters of stage 2 as a tree, with the tensors as they are now; training replaces them.
 * @throws where the parts were composed without a language model, or before `initializeStage2`
 */
export function stage2Params(parts: Parts): Stage2Params {
  const { width } = languageOf(parts);
  return unflatten(stage2Spec(parts.config, width), parts.stage2);
}

/** Gives the language model of the parts. @throws where they were composed without one */
export function languageOf(parts: Pick<Parts, 'language'>): LanguageModelWithTokenizer {
  if (parts.language) return parts.language;
  throw new Error('Stage 2 needs a language model; give one to compose.');
}

/**
 * Initializes stage 2 from stage 1 as it is now: copies of the queries and of their branch, and a random projection to the
 * language model. Parameters of an earlier stage 2 are freed.
 * @throws where the parts were composed without a language model
 */
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
