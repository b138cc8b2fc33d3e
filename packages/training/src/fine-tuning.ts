import { ALL_LINEAR, type LoraConfig } from '@blip2/llm';

/** Steps, batches and learning rate of a fine-tuning, as options of `trainStage1` and `trainStage2` name them. */
export interface FineTuningSchedule {
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly minLearningRate: number;
  readonly warmupSteps: number;
}

/** At least so many steps; where there are many images, as many as five epochs take. */
const LEAST_STEPS = 200;
const EPOCHS = 5;
const LARGEST_BATCH = 32;

/**
 * Chooses the schedule by which a trained model is fine-tuned on a number of images: batches that are small enough to differ, and a
 * learning rate by the Q-Former's size.
 * @param hiddenSize width of the Q-Former
 */
export function fineTuningSchedule(images: number, hiddenSize: number): FineTuningSchedule {
  const batchSize = Math.max(2, Math.min(LARGEST_BATCH, 2 ** Math.floor(Math.log2(Math.max(1, images / 3)))));
  const steps = Math.max(LEAST_STEPS, Math.ceil((EPOCHS * images) / batchSize));
  return {
    steps,
    batchSize,
    learningRate: hiddenSize < 512 ? 1e-3 : 3e-5,
    minLearningRate: 1e-6,
    warmupSteps: Math.round(steps / 10),
  };
}

/** Gives adapters of all linear layers of a language model, at the scale that PEFT's users take: `alpha` is twice the rank. */
export const fineTuningAdapters = (rank: number): LoraConfig => ({
  rank,
  alpha: 2 * rank,
  dropout: 0,
  targets: ALL_LINEAR,
});
