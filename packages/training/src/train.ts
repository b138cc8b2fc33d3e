import type { LoraConfig } from '@blip2/llm';
import { type Flat, hash, unflatten } from '@blip2/tensor';
import {
  adamw,
  cosineLr,
  type LossInput,
  lavisWeightDecay,
  type Position,
  type Schedule,
  type TrainOptions,
  type TrainStep,
  train,
} from '@blip2/trainer';
import type * as tf from '@tensorflow/tfjs';
import { initializeAdapters, languageWith } from './adapters.js';
import { initializeStage2, languageOf, type Parts } from './compose.js';
import { checkAblation, type Stage1Ablation } from './stages/ablation.js';
import { type Stage1Params, stage1Spec, stage2Spec } from './stages/specs.js';
import { type Stage1Batch, type Stage1Terms, stage1Terms } from './stages/stage1.js';
import { type Stage1PixelBatch, stage1Cached } from './stages/stage1-cached.js';
import { type Stage2Batch, type Stage2Options, type Stage2PixelBatch, stage2Terms } from './stages/stage2.js';
import { type Stage2Terms, stage2Shared } from './stages/stage2-shared.js';
import { standardizeVision } from './standardize-vision.js';
import {
  encodeTrained,
  lrScaleOf,
  type ParameterOptions,
  type StageTensors,
  stageTensors,
} from './trained-parameters.js';

/** Options of a stage of training: AdamW with linear warm-up and cosine decay. */
export interface StageOptions<B> extends ParameterOptions {
  /**
   * Makes the batch of a position, as a function of the position alone; its tensors are freed after use. Of several processes
   * (`trainer.communicator`) each makes its share of the batch, all shares of equally many examples: the losses are those of
   * the whole batch.
   */
  readonly data: (at: Position) => B | Promise<B>;
  /** Number of updates of the whole schedule. */
  readonly steps: number;
  /** Learning rate after warm-up. Default 1e-3. */
  readonly learningRate?: number;
  /** Learning rate at the end of the cosine decay. Default 1e-5. */
  readonly minLearningRate?: number;
  /** Number of steps of linear warm-up. Default 30. */
  readonly warmupSteps?: number;
  /** The learning rate by step, in place of warm-up and cosine decay; `recipeSchedule` gives one. */
  readonly schedule?: Schedule;
  /** Decoupled weight decay, on all but biases and one-dimensional tensors. Default 0.05. */
  readonly weightDecay?: number;
  /** Decay rates of AdamW's first and second moments. Default [0.9, 0.98]. */
  readonly betas?: readonly [number, number];
  /** Recompute the activations of the Q-Former's layers in the backward pass: less memory, more time. Default false. */
  readonly recompute?: boolean;
  /** Stop after so many steps, although the schedule is that of `steps`. Default: `steps`. */
  readonly until?: number;
  /** Options of `train` of `@blip2/trainer`: gradient clipping and accumulation, checkpoints, resuming, aborting. */
  readonly trainer?: Pick<
    TrainOptions<B>,
    | 'accumulationSteps'
    | 'maxGradNorm'
    | 'logEvery'
    | 'checkFiniteEvery'
    | 'signal'
    | 'checkpoint'
    | 'resume'
    | 'communicator'
    | 'environment'
  >;
}

/** The losses of a step of stage 1: contrastive, matching, captioning, and their sum (BLIP-2, section 3.1). */
export type Stage1Losses = Record<'total' | 'itc' | 'itm' | 'itg', number>;

/** The losses of a step of stage 2: of the language model, of phrases where they are trained, and their weighted sum. */
export type Stage2Losses = Readonly<{ total: number; lm?: number; phrases?: number }>;

/** Options of `trainStage1`. */
export interface Stage1TrainOptions extends StageOptions<Stage1Batch | Stage1PixelBatch> {
  /**
   * Compare the pairs of all `accumulationSteps` batches of an update, as those of one large batch, by GradCache (Gao et al.
   * 2021): ITC and hard negatives of a large batch in the memory of a small one, for a second forward pass. Default false:
   * the pairs of each batch are compared among themselves.
   */
  readonly gradCache?: boolean;
  /** Label smoothing of the contrastive and the captioning loss. Default 0.1. */
  readonly labelSmoothing?: number;
  /**
   * Initialize `ln_vision` so that each channel of the encoder's features has mean 0 and standard deviation 1 (see the
   * function `standardizeVision`): over a sample of features [S,N,D] that is given by a function and then freed, or with
   * `true` over the first batch. Helps short trainings. A checkpoint that is resumed replaces it. Default false, as in LAVIS.
   */
  readonly standardizeVision?: boolean | (() => Promise<tf.Tensor3D>);
  /** What is taken away, to measure what it is for (see `docs/findings.md`). Default: nothing, as in BLIP-2. */
  readonly ablation?: Stage1Ablation;
}

/**
 * Trains the first stage, representation learning from the frozen image encoder (BLIP-2, section 3.1): `parts.stage1`, by
 * image-text contrastive learning (ITC), image-text matching (ITM) and image-grounded text generation (ITG).
 * @returns each step with its losses as it is made; `break` stops after that step
 * @throws where the Q-Former's tokenizer has no bos_token, and for an ablation that cannot be
 */
export async function* trainStage1(
  parts: Parts,
  options: Stage1TrainOptions,
): AsyncGenerator<TrainStep<Stage1Losses>, void, void> {
  const { config, stage1, text } = parts;
  const { labelSmoothing: smoothing = 0.1, recompute = false, gradCache = false, ablation = {} } = options;
  checkAblation(ablation);
  const spec = stage1Spec(config);
  const { bos: decoderStart, pad = 0 } = text.tokenizer.special;
  if (decoderStart === undefined) {
    throw new Error("The Q-Former's tokenizer names no bos_token, with which captions start ([DEC]); add it.");
  }
  await standardizeFrom(parts, options);
  const tensors = stageTensors(parts, [stage1], options);
  const paramsOf = (trainable: Flat): Stage1Params => unflatten(spec, { ...tensors.frozen, ...trainable });
  const imagesOf = encoderOf(parts, tensors);
  const given = { recompute, smoothing, decoderStart, pad, ablation };
  const shared = (options.trainer?.communicator?.size ?? 1) > 1;
  const run = train<Stage1Batch | Stage1PixelBatch, Stage1Terms>({
    ...common(parts, tensors, options),
    ...(shared && !gradCache && { compare: 'batch' as const }),
    loss:
      gradCache || shared
        ? stage1Cached({ config, params: paramsOf, features: imagesOf }, given)
        : ({ trainable, batch, seed }) => {
            const features = imagesOf('pixels' in batch ? batch.pixels : batch.features, trainable, seed);
            return stage1Terms(paramsOf(trainable), config, { ...batch, features }, { ...given, seed });
          },
  });
  yield* writing(run, tensors);
}

/** Gives the features of a batch's images: encoded by the current tensors where they are pixels. */
const encoderOf =
  ({ vision }: Parts, { frozen }: StageTensors) =>
  (images: tf.Tensor, trainable: Flat, seed: number): tf.Tensor3D =>
    images.rank === 3
      ? (images as tf.Tensor3D)
      : encodeTrained(vision, { ...frozen, ...trainable }, images as tf.Tensor4D, { seed: hash(seed, 'vision') });

/** Writes the tensors to the parts before each result is given, and at the end. */
async function* writing<T>(run: AsyncGenerator<T, void, void>, tensors: StageTensors): AsyncGenerator<T, void, void> {
  try {
    for await (const step of run) {
      tensors.write();
      yield step;
    }
  } finally {
    tensors.write();
  }
}

async function standardizeFrom(parts: Parts, { standardizeVision: from = false, data }: Stage1TrainOptions) {
  if (from === false) return;
  const batch =
    from === true
      ? await data({ step: 0, position: 0, seed: hash(parts.seed, 'position 0') })
      : { features: await from() };
  try {
    if ('features' in batch) standardizeVision(parts, batch.features);
    else {
      const features = encodeTrained(parts.vision, parts.encoder, batch.pixels);
      standardizeVision(parts, features);
      features.dispose();
    }
  } finally {
    for (const tensor of Object.values<tf.Tensor>({ ...batch })) tensor.dispose();
  }
}

/** Options of `trainStage2`. */
export interface Stage2TrainOptions
  extends StageOptions<Stage2Batch | Stage2PixelBatch>,
    Pick<Stage2Options, 'phraseWeight' | 'heldOutWeight' | 'heldOutMargin'> {
  /** Factor on the learning rate of the projection to the language model, which starts from random weights. Default 1. */
  readonly projectionRateScale?: number;
  /**
   * Train low-rank adapters of the language model too (LoRA, Hu et al. 2021): `parts.adapters`, which it initializes where
   * they are empty. Their paths begin with `language_model.`. Default: the language model stays as it is.
   */
  readonly lora?: LoraConfig;
}

/**
 * Trains the second stage, generative learning from the frozen language model (BLIP-2, section 3.2): `parts.stage2`, which it
 * initializes from stage 1 unless `initializeStage2` has.
 * @returns each step with its losses as it is made; `break` stops after that step
 * @throws where the parts were composed without a language model, and where its `predict` is asynchronous or, with `lora`, it
 * takes no adapters
 */
export function trainStage2(
  parts: Parts,
  options: Stage2TrainOptions,
): AsyncGenerator<TrainStep<Stage2Losses>, void, void> {
  const { config, stage2, adapters } = parts;
  const { phraseWeight = 0, heldOutWeight, heldOutMargin, projectionRateScale = 1, recompute = false, lora } = options;
  const terms = { recompute, phraseWeight, heldOutWeight, heldOutMargin };
  const language = languageOf(parts);
  if (Object.keys(stage2).length === 0) initializeStage2(parts);
  if (lora) initializeAdapters(parts, lora);
  const spec = stage2Spec(config, language.width);
  const tensors = stageTensors(parts, lora ? [stage2, adapters] : [stage2], options);
  const imagesOf = encoderOf(parts, tensors);
  const projection = (path: string): number => (path.startsWith('language_projection.') ? projectionRateScale : 1);
  const loss = ({ trainable, batch, seed }: LossInput<Stage2Batch | Stage2PixelBatch>): Stage2Terms => {
    const features = imagesOf('pixels' in batch ? batch.pixels : batch.features, trainable, seed);
    const all = { ...tensors.frozen, ...trainable };
    const speaker = lora ? languageWith(parts, all, { config: lora, seed: hash(seed, 'lora') }) : language;
    const models = { config, language: speaker };
    return stage2Terms(unflatten(spec, all), models, { ...batch, features }, { ...terms, seed });
  };
  const shared = (options.trainer?.communicator?.size ?? 1) > 1;
  const run = train<Stage2Batch | Stage2PixelBatch, Stage2Terms>({
    ...common(parts, tensors, options, projection),
    ...(shared && { compare: 'batch' as const }),
    loss: shared ? stage2Shared(loss, { phraseWeight }) : loss,
  });
  return writing(run, tensors);
}

function common<B>(
  parts: Parts,
  { trainable, frozen }: StageTensors,
  options: StageOptions<B>,
  stageScale?: (path: string) => number,
) {
  const { data, steps, until = steps, weightDecay = 0.05, betas = [0.9, 0.98], trainer = {} } = options;
  const scale = lrScaleOf(options, Object.keys({ ...frozen, ...trainable }));
  const both = scale && stageScale ? named(scale.name, (path) => scale(path) * stageScale(path)) : undefined;
  // the name of the factors is part of a checkpoint, and that of stage 2 alone is empty
  const lrScale = both ?? scale ?? (stageScale && named('', stageScale));
  return {
    ...trainer,
    trainable,
    batch: data,
    optimizer: adamw({ betas, weightDecay, decayRule: lavisWeightDecay, ...(lrScale ? { lrScale } : {}) }),
    schedule: options.schedule ?? scheduleOf(options),
    steps: Math.min(steps, until),
    seed: parts.seed,
  };
}

const named = (name: string, scale: (path: string) => number): ((path: string) => number) =>
  Object.defineProperty((path: string) => scale(path), 'name', { value: name });

function scheduleOf<B>(options: StageOptions<B>): Schedule {
  const { steps, learningRate = 1e-3, minLearningRate = 1e-5, warmupSteps = 30 } = options;
  // the first step of a warm-up from 0 would change nothing
  const warm = cosineLr({ learningRate, minLearningRate, warmupSteps, steps });
  return (step) => (step < warmupSteps ? (learningRate * (step + 1)) / warmupSteps : warm(step));
}
