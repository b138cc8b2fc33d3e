import { z } from 'zod';

const count = z.int().min(1);
const share = z.number().min(0).max(1);

const scheduleSchema = z
  .strictObject({
    steps: count.describe('optimizer steps'),
    batchSize: count.min(2).describe('images per step; in-batch negatives need at least two'),
    learningRate: z.number().positive().default(1e-3).describe('learning rate after warm-up'),
    minLearningRate: z.number().min(0).default(1e-5).describe('learning rate at the last step'),
    warmupSteps: z.int().min(0).default(30).describe('steps of linear warm-up'),
    weightDecay: z.number().min(0).default(0.05),
    betas: z.tuple([share, share]).default([0.9, 0.98]),
    maxGradNorm: z
      .number()
      .positive()
      .nullable()
      .default(1)
      .describe('gradients are clipped to this global norm; null: no clipping'),
    accumulationSteps: count.default(1).describe('batches whose gradients are accumulated for one update'),
    checkpointEvery: count.default(200).describe('steps between checkpoints'),
    evaluateEvery: z
      .int()
      .min(0)
      .nullable()
      .default(null)
      .describe('steps between evaluations on validation images, where there are any; null: checkpointEvery; 0: none'),
    patience: count
      .nullable()
      .default(null)
      .describe('stop after so many evaluations without a better validation score; null: never'),
    parameters: z
      .array(z.tuple([z.string(), z.enum(['trainable', 'frozen'])]))
      .default([])
      .describe(
        'rules of which parameters are trained, by the beginning of their path, * for any one name; the first that fits decides',
      ),
    layerDecay: z
      .number()
      .positive()
      .max(1)
      .default(1)
      .describe("factor of the image encoder's learning rate from each layer to the one below, where it is trained"),
    recompute: z
      .boolean()
      .default(false)
      .describe('recompute the activations of the Q-Former in the backward pass: less memory, more time'),
  })
  .describe('one stage of training');

const qformerSchema = z.strictObject({
  queries: count.default(32),
  layers: count.default(12),
  hiddenSize: count.default(768),
  heads: count.default(12),
  intermediateSize: count.default(3072),
  crossAttentionFrequency: count.default(2),
  initializerRange: z.number().positive().default(0.02).describe('standard deviation of the initial weights'),
  embeddingRange: z
    .number()
    .positive()
    .default(0.02)
    .describe('standard deviation of the initial word, position and query embeddings'),
  crossAttentionRange: z
    .number()
    .positive()
    .default(0.02)
    .describe('standard deviation of the initial weights of cross-attention'),
  feedForwardRange: z
    .number()
    .positive()
    .default(0.02)
    .describe('standard deviation of the initial weights of the feed-forward networks'),
  dropout: share.default(0.1),
  projectionSize: count.default(256).describe('width of the ITC space that images and texts share'),
});

/** The schema of the part `data` that is common to all data sets; each extends it by its own keys. */
export const dataSchema = z.strictObject({
  textLength: count.default(32).describe('longest text in tokens'),
});

/** The part `data` of a configuration. */
export type DataConfig = z.output<typeof dataSchema>;

/** Creates the schema of a run's configuration from that of its part `data`. */
export const runConfigSchema = <D extends DataConfig>(data: z.ZodType<D>) =>
  z.strictObject({
    seed: z.int().default(0),
    vision: z.string().default('starter').describe('folder of a vision encoder; starter: the one that ships'),
    outputStride: z
      .union([z.literal(16), z.literal(32)])
      .nullable()
      .default(null)
      .describe("output_stride of an EfficientNet-Lite, in place of its config's; 16: four times as many positions"),
    language: z
      .string()
      .default('starter')
      .describe('folder or GGUF file of a language model; cache:PATH: in the cache folder'),
    bert: z
      .string()
      .nullable()
      .default('starter')
      .describe(
        'folder of the BERT that initializes the Q-Former, cache:PATH: in the cache folder; null: random initialization',
      ),
    qformer: qformerSchema.prefault({}),
    data: data.prefault({} as never),
    labelSmoothing: share.default(0.1).describe('label smoothing of ITC and ITG'),
    stage1: scheduleSchema.extend({
      gradCache: z
        .boolean()
        .default(false)
        .describe('compare the pairs of all accumulated batches, as of one large batch (GradCache)'),
      standardizeVision: z
        .boolean()
        .default(false)
        .describe('initialize ln_vision so that features have mean 0 and deviation 1 over a sample of images'),
    }),
    stage2: scheduleSchema.extend({
      projectionRateScale: z
        .number()
        .positive()
        .default(1)
        .describe(
          'learning rate of the projection to the language model, as a multiple: it starts from random weights',
        ),
      lora: z
        .strictObject({
          rank: count,
          alpha: z.number().positive(),
          dropout: share.default(0),
          targets: z.union([z.string(), z.array(z.string())]).optional(),
        })
        .nullable()
        .default(null)
        .describe('low-rank adapters of the language model that are trained too, as PEFT has them; null: none'),
      phraseSteps: z
        .int()
        .min(0)
        .default(0)
        .describe('of the steps, the first that train on phrases alone, without the language model; BLIP-2 has 0'),
      phraseWeight: z
        .number()
        .min(0)
        .default(0)
        .describe('weight of the phrase loss beside the language model loss afterwards; BLIP-2 has 0'),
      heldOutWeight: z
        .number()
        .min(0)
        .default(0)
        .describe(
          'weight of a loss that keeps words which the data hold out of training within heldOutMargin of the right ones; BLIP-2 has 0',
        ),
      heldOutMargin: z
        .number()
        .min(0)
        .default(4)
        .describe('how far the logit of such a word may be below that of the right one'),
    }),
  });

/** The configuration of a run with all defaults filled in. */
export type RunConfig<D extends DataConfig = DataConfig> = Omit<
  z.output<ReturnType<typeof runConfigSchema>>,
  'data'
> & {
  readonly data: D;
};
/** The configuration of a run as it is written by hand: keys that are left out have their defaults. */
export type RunConfigInput<D extends z.ZodType<DataConfig> = typeof dataSchema> = Omit<
  z.input<ReturnType<typeof runConfigSchema>>,
  'data'
> & { readonly data?: z.input<D> };
