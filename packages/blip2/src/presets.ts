import type { ConfigInput } from './config.js';

/** The starter's BERT has these layers and widths. Where `bert` is null, why: docs/decisions/0010-small-embeddings.md. */
const small = {
  queries: 8,
  layers: 4,
  hiddenSize: 192,
  heads: 6,
  intermediateSize: 768,
  dropout: 0,
  embedDim: 128,
  initializerRange: 0.07,
  embeddingRange: 0.005,
  crossAttentionRange: 0.1,
  feedForwardRange: 0.01,
};

/** Stage 2 in minutes: docs/decisions/0014-phrases-in-the-soft-prompt.md and 0015-words-apart.md. */
const bridge = { batch: 64, peak: 1e-3, phraseWeight: 1, projectionRate: 3 };

/** Configurations with a name. */
export const presets = {
  /** What `blip2 demo` runs: both stages in some minutes on two cores. */
  demo: {
    bert: null,
    qformer: { ...small, layers: 2, crossAttentionFrequency: 1 },
    data: { scenes: 3400, testScenes: 288, sceneShare: 0.2 },
    stage1: { steps: 310, batch: 64, peak: 2e-3 },
    stage2: { ...bridge, steps: 480, phraseSteps: 290 },
  },
  /** An hour on two cores. */
  'emoji-full': {
    bert: null,
    qformer: { ...small, layers: 2, crossAttentionFrequency: 1 },
    data: { scenes: 12000, testScenes: 400, sceneShare: 0.2 },
    stage1: { steps: 3000, batch: 64, peak: 2e-3, warmup: 100 },
    stage2: { ...bridge, steps: 1500, phraseSteps: 600 },
  },
  /** Seconds: shows that everything runs, learns nothing. */
  smoke: {
    qformer: small,
    data: { emoji: 24, scenes: 48, testScenes: 12 },
    stage1: { steps: 4, batch: 8, warmup: 1, checkpointEvery: 2 },
    stage2: { ...bridge, steps: 4, phraseSteps: 1, batch: 8, warmup: 1, checkpointEvery: 2 },
  },
} satisfies Record<string, ConfigInput>;
