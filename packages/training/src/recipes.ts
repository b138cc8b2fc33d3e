import type { Rule } from '@blip2/tensor';
import { cosineLr, epochCosineLr, type Schedule } from '@blip2/trainer';

/** A recipe by which BLIP-2 was trained: the numbers of a paper or of a released configuration, as plain data. */
export interface Recipe {
  /** What is trained: a stage of pre-training, or a task. */
  readonly task: 'stage 1' | 'stage 2' | 'captioning' | 'vqa' | 'retrieval';
  /** Where the numbers are from. */
  readonly source: string;
  /** The stage whose losses are trained: 1 has ITC, ITM and ITG, 2 the language model's. */
  readonly stage: 1 | 2;
  /** What the weights start from: the frozen models alone, or a model of an earlier stage. */
  readonly start: 'frozen models' | 'stage 1' | 'stage 2';
  /** Height and width of the images in pixels. */
  readonly imageSize: number;
  /** Images of an update, over all processes. */
  readonly batchSize: number;
  /** How long is trained. */
  readonly length: { readonly steps: number } | { readonly epochs: number };
  /** Learning rate after warm-up. */
  readonly learningRate: number;
  /** Learning rate at the end of the cosine decay, which is by steps where `length` is, else by epochs. */
  readonly minLearningRate: number;
  /** Learning rate at the start of warm-up. */
  readonly warmupLearningRate: number;
  /** Steps of linear warm-up. */
  readonly warmupSteps: number;
  /** Decoupled weight decay, by `lavisWeightDecay` of `@blip2/trainer`. */
  readonly weightDecay: number;
  /** Decay rates of AdamW's moments. */
  readonly betas: readonly [number, number];
  /** Label smoothing of ITC and ITG; stage 2 has none. */
  readonly labelSmoothing: number;
  /** Which parameters are trained, beside the defaults of `trainStage1` and `trainStage2`. */
  readonly parameters: readonly Rule[];
  /** Layer-wise decay of the image encoder's learning rate. */
  readonly layerDecay: number;
  /** Longest text in tokens. */
  readonly textLength: number;
  /** The prompt before a caption. */
  readonly captionPrompt?: string;
  /** The prompt before an answer; `{}` is the question. */
  readonly questionPrompt?: string;
  /** Whether the paper gives the question to the Q-Former too, which `trainStage2` does not. */
  readonly questionInQFormer?: boolean;
  /** How the trained model is evaluated. */
  readonly evaluation?: {
    /** Beams of generation. */
    readonly beams?: number;
    /** The most and the fewest tokens that are generated. */
    readonly maxNewTokens?: number;
    readonly minNewTokens?: number;
    readonly lengthPenalty?: number;
    /** Candidates of each query that ITM re-ranks. */
    readonly rerank?: number;
  };
}

/** The image encoder, which pre-training leaves frozen, is trained. */
const unfrozen: readonly Rule[] = [['vision_model', 'trainable']];

const paper = {
  imageSize: 224,
  minLearningRate: 0,
  warmupLearningRate: 0,
  warmupSteps: 2000,
  learningRate: 1e-4,
  weightDecay: 0.05,
  betas: [0.9, 0.98],
  parameters: [],
  layerDecay: 1,
  textLength: 32,
} as const;

const lavis = { ...paper, minLearningRate: 1e-5, warmupLearningRate: 1e-6, betas: [0.9, 0.999] } as const;

const fineTuning = {
  ...lavis,
  imageSize: 364,
  length: { epochs: 5 },
  learningRate: 1e-5,
  minLearningRate: 0,
  warmupLearningRate: 1e-8,
  warmupSteps: 1000,
  parameters: unfrozen,
} as const;

const LAVIS = 'salesforce/LAVIS 506965b, lavis/projects/blip2';
const PAPER = 'Li et al. 2023 (arXiv 2301.12597v3)';

/**
 * The recipes of BLIP-2. Those of LAVIS are the released configurations, which differ from the paper in steps, rates and
 * betas; the layer-wise decay is as the paper has it, and the released code, which reads the factor nowhere, does not. Batch
 * sizes are those of ViT-g, and of OPT where the language model matters.
 */
export const recipes = {
  /** Stage 1 as released. */
  stage1: {
    ...lavis,
    task: 'stage 1',
    source: `${LAVIS}/train/pretrain_stage1.yaml`,
    stage: 1,
    start: 'frozen models',
    batchSize: 1600,
    length: { epochs: 10 },
    warmupSteps: 5000,
    labelSmoothing: 0.1,
  },
  /** Stage 2 as released. */
  stage2: {
    ...lavis,
    task: 'stage 2',
    source: `${LAVIS}/train/pretrain_stage2.yaml`,
    stage: 2,
    start: 'stage 1',
    batchSize: 1024,
    length: { epochs: 10 },
    labelSmoothing: 0,
  },
  /** Stage 1 as the paper has it. */
  'stage1-paper': {
    ...paper,
    task: 'stage 1',
    source: `${PAPER}, section 3.4`,
    stage: 1,
    start: 'frozen models',
    batchSize: 1680,
    length: { steps: 250_000 },
    labelSmoothing: 0.1,
  },
  /** Stage 2 as the paper has it. */
  'stage2-paper': {
    ...paper,
    task: 'stage 2',
    source: `${PAPER}, section 3.4`,
    stage: 2,
    start: 'stage 1',
    batchSize: 1920,
    length: { steps: 80_000 },
    minLearningRate: 5e-5,
    labelSmoothing: 0,
  },
  /** Fine-tuning for captions of COCO. */
  captioning: {
    ...fineTuning,
    task: 'captioning',
    source: `${LAVIS}/train/caption_coco_ft.yaml`,
    stage: 2,
    start: 'stage 2',
    batchSize: 256,
    labelSmoothing: 0,
    captionPrompt: 'a photo of',
    evaluation: { beams: 5, maxNewTokens: 30, minNewTokens: 8 },
  },
  /** Fine-tuning for questions of VQAv2 and Visual Genome, whose code was not released. */
  vqa: {
    ...fineTuning,
    task: 'vqa',
    source: `${PAPER}, appendix, VQA with ViT-g and OPT-2.7B`,
    stage: 2,
    start: 'stage 2',
    imageSize: 490,
    batchSize: 128,
    labelSmoothing: 0,
    layerDecay: 0.95,
    questionPrompt: 'Question: {} Answer:',
    questionInQFormer: true,
    evaluation: { beams: 5, lengthPenalty: -1 },
  },
  /** Fine-tuning for retrieval on COCO: the losses of stage 1, with ITC whose positives share an image. */
  retrieval: {
    ...fineTuning,
    task: 'retrieval',
    source: `${LAVIS}/train/retrieval_coco_ft.yaml`,
    stage: 1,
    start: 'stage 1',
    batchSize: 224,
    labelSmoothing: 0.1,
    layerDecay: 0.95,
    evaluation: { rerank: 128 },
  },
} as const satisfies Readonly<Record<string, Recipe>>;

/** The name of a recipe. */
export type RecipeName = keyof typeof recipes;

/** The part of a recipe that is its learning rate. */
export type RecipeSchedule = Pick<
  Recipe,
  'length' | 'learningRate' | 'minLearningRate' | 'warmupLearningRate' | 'warmupSteps'
>;

/**
 * Counts the steps of a recipe, and creates its schedule: cosine decay by steps where its length is in steps, and LAVIS' by
 * epochs where it is in epochs.
 * @param stepsPerEpoch steps of one pass over the data set
 */
export function recipeSchedule(recipe: RecipeSchedule, stepsPerEpoch: number): { steps: number; schedule: Schedule } {
  const { length, learningRate, minLearningRate, warmupLearningRate, warmupSteps } = recipe;
  const rates = { learningRate, minLearningRate, warmupLearningRate, warmupSteps };
  if ('steps' in length) return { steps: length.steps, schedule: cosineLr({ ...rates, steps: length.steps }) };
  const { epochs } = length;
  return { steps: epochs * stepsPerEpoch, schedule: epochCosineLr({ ...rates, stepsPerEpoch, epochs }) };
}
