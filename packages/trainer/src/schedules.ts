/** A learning rate schedule: the rate of the update that follows `step` others. */
export type Schedule = (step: number) => number;

/** Creates a constant schedule. */
export const constantLr = (lr: number): Schedule => {
  return () => lr;
};

/** Options of `cosineLr`. */
export interface CosineOptions {
  /** Learning rate after warm-up. */
  readonly learningRate: number;
  /** Learning rate at the end of the cosine decay. Default 0; stage 2 of the paper has 5e-5. */
  readonly minLearningRate?: number;
  /** Steps of linear warm-up. */
  readonly warmupSteps: number;
  /** Learning rate at the start of warm-up. Default 0. */
  readonly warmupLearningRate?: number;
  /** Total number of steps, warm-up included; later ones have `minLearningRate`. */
  readonly steps: number;
}

/** Creates a schedule of linear warm-up, then cosine decay by steps (BLIP-2, section 4.1). */
export function cosineLr({
  learningRate,
  minLearningRate = 0,
  warmupSteps,
  warmupLearningRate = 0,
  steps,
}: CosineOptions): Schedule {
  return (step) => {
    if (step < warmupSteps) {
      return warmupLearningRate + ((learningRate - warmupLearningRate) * step) / warmupSteps;
    }
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
    return halfCosine([learningRate, minLearningRate], progress);
  };
}

/** Options that the schedules of LAVIS share. */
export interface WarmupOptions {
  /** Learning rate after warm-up. */
  readonly learningRate: number;
  /** Lower bound of the learning rate. Default 0. */
  readonly minLearningRate?: number;
  /** Learning rate at the start of warm-up; below 0 stands for `learningRate`. Default -1. */
  readonly warmupLearningRate?: number;
  /** Steps of linear warm-up. Default 0. */
  readonly warmupSteps?: number;
  /** Steps of an epoch. */
  readonly stepsPerEpoch: number;
}

/**
 * Creates the schedule `linear_warmup_cosine_lr` of LAVIS: linear warm-up by steps within epoch 0, then cosine decay by
 * epochs. Where warm-up is longer than epoch 0 the rate jumps, as it does there.
 */
export function epochCosineLr({ epochs, ...options }: WarmupOptions & { readonly epochs: number }): Schedule {
  const { learningRate, minLearningRate = 0 } = options;
  return afterWarmup(options, (epoch) => halfCosine([learningRate, minLearningRate], epoch / epochs));
}

/**
 * Creates the schedule `linear_warmup_step_lr` of LAVIS: linear warm-up by steps within epoch 0, then
 * `max(minLearningRate, learningRate * decayRate^epoch)`.
 */
export function epochStepLr({ decayRate, ...options }: WarmupOptions & { readonly decayRate: number }): Schedule {
  const { learningRate, minLearningRate = 0 } = options;
  return afterWarmup(options, (epoch) => Math.max(minLearningRate, learningRate * decayRate ** epoch));
}

function afterWarmup(options: WarmupOptions, later: (epoch: number) => number): Schedule {
  const { learningRate, warmupLearningRate = -1, warmupSteps = 0, stepsPerEpoch } = options;
  const start = warmupLearningRate < 0 ? learningRate : warmupLearningRate;
  return (step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (epoch > 0) return later(epoch);
    return Math.min(learningRate, start + ((learningRate - start) * step) / Math.max(warmupSteps, 1));
  };
}

const halfCosine = ([from, to]: [number, number], progress: number): number =>
  (from - to) * 0.5 * (1 + Math.cos(Math.PI * progress)) + to;
