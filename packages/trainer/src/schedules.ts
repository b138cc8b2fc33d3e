/** The learning rate of the update that follows `step` others. */
export type Schedule = (step: number) => number;

export const constantLr = (lr: number): Schedule => {
  return () => lr;
};

export interface CosineOptions {
  readonly learningRate: number;
  /** Where the cosine ends. Default 0; the paper's stage 2 has 5e-5. */
  readonly minLearningRate?: number;
  readonly warmupSteps: number;
  /** Where the warm-up starts. Default 0. */
  readonly start?: number;
  /** Steps in all, warm-up included; later ones keep `minLearningRate`. */
  readonly steps: number;
}

/** Linear warm-up, then one half cosine over the steps (paper, section 4.1). */
export function cosineLr({
  learningRate,
  minLearningRate = 0,
  warmupSteps,
  start = 0,
  steps,
}: CosineOptions): Schedule {
  return (step) => {
    if (step < warmupSteps) return start + ((learningRate - start) * step) / warmupSteps;
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
    return halfCosine([learningRate, minLearningRate], progress);
  };
}

export interface WarmupOptions {
  readonly learningRate: number;
  /** Default 0. */
  readonly minLearningRate?: number;
  /** Where the warm-up starts; below 0 means at `learningRate`. Default -1. */
  readonly warmupLearningRate?: number;
  /** Default 0. */
  readonly warmupSteps?: number;
  readonly stepsPerEpoch: number;
}

/**
 * `linear_warmup_cosine_lr` of the released recipes: a warm-up by steps within epoch 0, then a cosine that changes only from epoch to epoch.
 * Where the warm-up is longer than epoch 0 the rate jumps, as it does there.
 */
export function epochCosineLr({ epochs, ...options }: WarmupOptions & { readonly epochs: number }): Schedule {
  const { learningRate, minLearningRate = 0 } = options;
  return afterWarmup(options, (epoch) => halfCosine([learningRate, minLearningRate], epoch / epochs));
}

/** `linear_warmup_step_lr`: the same warm-up, then `max(minLearningRate, learningRate * decayRate^epoch)`. */
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
