import { dataSchema, type RunConfig, runConfigs } from '@blip2/runs';
import { z } from 'zod';

const share = z.number().min(0).max(1);

/** The schema of the part `data` of a configuration on images with texts. */
export const imageTextSchema = dataSchema.extend({
  task: z
    .enum(['auto', 'captions', 'questions', 'both'])
    .default('auto')
    .describe('texts that stage 2 trains on; auto: both, as far as the data have them'),
  questionShare: share
    .default(0.5)
    .describe('share of the batches of stage 2 that are questions, where it trains on both'),
  questionsPerImage: z
    .int()
    .min(1)
    .default(2)
    .describe('questions drawn of each image of a batch; they share its soft prompt'),
  prompts: z
    .strictObject({ caption: z.string(), question: z.string() })
    .nullable()
    .default(null)
    .describe(
      'prompts of stage 2, {} for the question; null: those of the published models with this kind of language model',
    ),
  validation: share
    .nullable()
    .default(null)
    .describe(
      'share of the images that is held out, unless a validation set is given; null: 0.05 of 200 images or more',
    ),
  maxSkipped: share.default(0.01).describe('largest share of the images and texts that may be unusable'),
  featureCache: z
    .boolean()
    .default(true)
    .describe('compute features of the frozen encoder once and keep them on disk; false: for each batch'),
  augment: z
    .enum(['none', 'crop', 'randaugment'])
    .default('none')
    .describe('crop: random resized crop and flip, as in pre-training; randaugment: with RandomAugment too'),
  views: z.int().min(1).max(64).default(1).describe('with augmentation, cached views of each image'),
  flip: share
    .default(0.5)
    .describe('with augmentation, the probability of a horizontal flip; 0 where texts say left and right'),
});

/** The part `data` of a configuration on images with texts. */
export type ImageTextDataConfig = z.output<typeof imageTextSchema>;
/** The configuration of a run on images with texts, with all defaults filled in. */
export type ImageTextConfig = RunConfig<ImageTextDataConfig>;

const small = { warmupSteps: 20, checkpointEvery: 50 };

/** Configurations of runs on images with texts, by name. */
export const imageTextPresets = {
  /** Both stages from frozen models, with the Q-Former of the paper and crops of its images. */
  pretrain: {
    data: { augment: 'crop', views: 4 },
    stage1: {
      steps: 20_000,
      batchSize: 64,
      learningRate: 1e-4,
      warmupSteps: 1000,
      checkpointEvery: 500,
      recompute: true,
    },
    stage2: {
      steps: 10_000,
      batchSize: 64,
      learningRate: 1e-4,
      warmupSteps: 1000,
      checkpointEvery: 500,
      recompute: true,
    },
  },
  /** Both stages from the starter's small frozen models, in minutes. */
  small: {
    bert: null,
    qformer: {
      queries: 8,
      layers: 2,
      hiddenSize: 192,
      heads: 6,
      intermediateSize: 768,
      crossAttentionFrequency: 1,
      dropout: 0,
      projectionSize: 128,
      initializerRange: 0.07,
      embeddingRange: 0.005,
      crossAttentionRange: 0.1,
      feedForwardRange: 0.01,
    },
    stage1: { ...small, standardizeVision: true, steps: 300, batchSize: 16, learningRate: 2e-3 },
    stage2: { ...small, steps: 300, batchSize: 16, learningRate: 1e-3, projectionRateScale: 3 },
  },
} as const;

/** The configurations of runs on images with texts, and their presets. */
export const imageTextConfigs = runConfigs(imageTextSchema, imageTextPresets);
