import { unflatten } from '@blip2/tensor';
import {
  adamw,
  cosineLr,
  decaysReleased,
  type Position,
  type Schedule,
  type TrainOptions,
  type TrainStep,
  train,
} from '@blip2/trainer';
import { stage1Spec, stage2Spec } from '../stages/specs.js';
import { type PairBatch, stage1Terms } from '../stages/stage1.js';
import { type Stage2Options, stage2Terms, type TextBatch } from '../stages/stage2.js';
import { beginStage2, languageOf, type Parts } from './compose.js';

/** How a stage is trained: the paper's AdamW and schedule, unless said otherwise. */
export interface StageOptions<B> {
  /** Makes the batch of a position; its tensors are freed after use. */
  readonly data: (at: Position) => B | Promise<B>;
  readonly steps: number;
  /** Highest and last learning rate, and the steps of linear warm-up. Default 1e-3, 1e-5, 30. */
  readonly peak?: number;
  readonly floor?: number;
  readonly warmup?: number;
  /** Default 0.05, on all but biases and one-dimensional tensors. */
  readonly weightDecay?: number;
  /** Default [0.9, 0.98]. */
  readonly betas?: readonly [number, number];
  /** Of ITC and ITG. Default 0.1. */
  readonly smoothing?: number;
  /** The Q-Former's layers run again for their gradients, which takes less memory and more time. Default false. */
  readonly recompute?: boolean;
  /** The steps after which to stop although the schedule goes on; default: all. */
  readonly until?: number;
  /** Everything else goes to the trainer: clipping, accumulation, checkpoints, resuming. */
  readonly trainer?: Pick<
    TrainOptions<B>,
    'accumulate' | 'clip' | 'logEvery' | 'guardEvery' | 'signal' | 'checkpoint' | 'resume' | 'environment'
  >;
}

/** Representation learning (BLIP-2, section 3.1): trains `parts.stage1`. */
export function trainStage1(parts: Parts, options: StageOptions<PairBatch>): AsyncGenerator<TrainStep, void, void> {
  const { config, stage1, text } = parts;
  const { smoothing = 0.1, recompute = false } = options;
  const spec = stage1Spec(config);
  const { bos: decoderStart, pad = 0 } = text.tokenizer.special;
  if (decoderStart === undefined) {
    throw new Error("The Q-Former's tokenizer names no bos_token, with which captions start ([DEC]); add it.");
  }
  return train<PairBatch>({
    ...common(parts, options),
    trainable: stage1,
    loss: ({ trainable, batch, seed }) =>
      stage1Terms(unflatten(spec, trainable), config, batch, { seed, recompute, smoothing, decoderStart, pad }),
  });
}

export interface Stage2TrainOptions extends StageOptions<TextBatch>, Pick<Stage2Options, 'phraseWeight'> {
  /** Multiplies the learning rate of the projection, which alone begins with random numbers. Default 1. */
  readonly projectionRate?: number;
}

/** Generative learning with the frozen language model (BLIP-2, section 3.2): trains `parts.stage2`. */
export function trainStage2(parts: Parts, options: Stage2TrainOptions): AsyncGenerator<TrainStep, void, void> {
  const { config, stage2 } = parts;
  const { phraseWeight = 0, projectionRate = 1, recompute = false } = options;
  const language = languageOf(parts);
  if (Object.keys(stage2).length === 0) beginStage2(parts);
  const spec = stage2Spec(config, language.width);
  return train<TextBatch>({
    ...common(parts, options, (path) => (path.startsWith('language_projection.') ? projectionRate : 1)),
    trainable: stage2,
    loss: ({ trainable, batch, seed }) =>
      stage2Terms(unflatten(spec, trainable), { config, language }, batch, { seed, recompute, phraseWeight }),
  });
}

function common<B>(parts: Parts, options: StageOptions<B>, lrScale?: (path: string) => number) {
  const { data, steps, until = steps, weightDecay = 0.05, betas = [0.9, 0.98], trainer = {} } = options;
  return {
    ...trainer,
    batch: data,
    optimiser: adamw({ betas, weightDecay, decays: decaysReleased, ...(lrScale ? { lrScale } : {}) }),
    schedule: scheduleOf(options),
    steps: Math.min(steps, until),
    seed: parts.seed,
  };
}

function scheduleOf<B>({ steps, peak = 1e-3, floor = 1e-5, warmup = 30 }: StageOptions<B>): Schedule {
  // the first step of a warm-up from 0 would change nothing
  const warm = cosineLr({ peak, min: floor, warmupSteps: warmup, steps });
  return (step) => (step < warmup ? (peak * (step + 1)) / warmup : warm(step));
}
