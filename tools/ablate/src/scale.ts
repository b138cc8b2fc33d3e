import { type EmojiConfig, emojiConfigs } from '@blip2/demo';

/** How much is trained and tested: the demo's data and models, with fewer steps and test images. */
export interface Scale {
  /** Emoji to train on, in four drawings each; null: all 1,594. */
  readonly emoji: number | null;
  /** Scenes to train on, other ones with each seed. */
  readonly scenes: number;
  /** Steps of stage 1. */
  readonly stage1: number;
  /** Steps of stage 2. */
  readonly stage2: number;
  /** Of them, the first that train on phrases alone, where phrases are trained. */
  readonly phrases: number;
  readonly batchSize: number;
  /** Retrieval candidates. */
  readonly candidates: number;
  /** Candidates that are ranked by ITM, each with each. */
  readonly matched: number;
  /** Test scenes that are captioned and asked about. */
  readonly testScenes: number;
  /** Test scenes that are asked about while stage 2 is trained. */
  readonly watched: number;
  /** Steps of stage 2 between these. */
  readonly watchEvery: number;
}

/** The scale of `docs/findings.md`. */
export const findings: Scale = {
  emoji: null,
  scenes: 2400,
  stage1: 300,
  stage2: 200,
  phrases: 90,
  batchSize: 32,
  candidates: 400,
  matched: 64,
  testScenes: 96,
  watched: 48,
  watchEvery: 50,
};

/** Seconds: everything runs, nothing is learned. */
export const smoke: Scale = {
  emoji: 16,
  scenes: 16,
  stage1: 2,
  stage2: 2,
  phrases: 1,
  batchSize: 8,
  candidates: 16,
  matched: 8,
  testScenes: 8,
  watched: 4,
  watchEvery: 1,
};

/** The configuration of a run of the demo at a scale. */
export function configOf(scale: Scale, seed: number): EmojiConfig {
  const { bert, qformer, data, stage1, stage2 } = emojiConfigs.preset('demo');
  const { emoji, scenes, testScenes, batchSize } = scale;
  const warmup = (steps: number): number => Math.min(30, steps >> 2);
  return emojiConfigs.parse({
    seed,
    bert,
    qformer,
    data: { ...data, emoji, scenes, testScenes, adjustCounts: false, negativeNames: 0 }, // as docs/findings.md has them
    stage1: { ...stage1, steps: scale.stage1, batchSize, warmupSteps: warmup(scale.stage1) },
    stage2: {
      ...stage2,
      steps: scale.stage2,
      batchSize,
      phraseSteps: scale.phrases,
      warmupSteps: warmup(scale.stage2),
    },
  });
}
