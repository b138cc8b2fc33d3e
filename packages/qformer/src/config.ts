import { type ActivationName, activationNames, LARGEST_COUNT, MOST_LAYERS, show } from '@blip2/tensor';

/** The configuration of a Q-Former: its sizes, initialization and dropout. Defaults: BERT-base with 32 queries, as in the paper. */
export interface QFormerConfig {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly layers: number;
  readonly intermediateSize: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly epsilon: number;
  /** Number of learned queries, and so of output vectors for an image of any size. */
  readonly queries: number;
  /** Width of the projected image and text features of the contrastive loss. */
  readonly projectionSize: number;
  /** Layers 0, f, 2f … have cross-attention to the image. */
  readonly crossAttentionFrequency: number;
  /** Width of the image encoder's features. */
  readonly encoderWidth: number;
  readonly activation: ActivationName;
  /** Standard deviation of the initial weights. BERT's 0.02 suits its width; narrow Q-Formers learn sooner with about 1/sqrt(width). */
  readonly initializerRange: number;
  /**
   * Standard deviation of the initial word, position and query embeddings. A layer norm follows them, so that their size does
   * not matter, but updates of a given size change small ones more: about 0.005 suits short trainings. Default
   * `initializerRange`.
   */
  readonly embeddingRange: number;
  /**
   * Standard deviation of the initial weights of cross-attention. Its output is an average over the image, small beside the
   * query: about 0.1 suits short trainings. Default `initializerRange`.
   */
  readonly crossAttentionRange: number;
  /** Standard deviation of the initial weights of the feed-forward networks. Default `initializerRange`. */
  readonly feedForwardRange: number;
  readonly dropout: number;
  readonly attentionDropout: number;
  /** Whether there are word and position embeddings and the text branch of each layer. */
  readonly textInput: boolean;
}

/** BERT-base with 32 queries: the Q-Former of the paper. */
const defaults: QFormerConfig = {
  hiddenSize: 768,
  heads: 12,
  layers: 12,
  intermediateSize: 3072,
  vocabSize: 30522,
  maxPositions: 512,
  epsilon: 1e-12,
  queries: 32,
  projectionSize: 256,
  crossAttentionFrequency: 2,
  encoderWidth: 1408,
  activation: 'gelu',
  initializerRange: 0.02,
  embeddingRange: 0.02,
  crossAttentionRange: 0.02,
  feedForwardRange: 0.02,
  dropout: 0.1,
  attentionDropout: 0.1,
  textInput: false,
};

/** Our names and those of `qformer_config` in a Hugging Face `config.json`. */
const jsonNames = {
  hiddenSize: 'hidden_size',
  heads: 'num_attention_heads',
  layers: 'num_hidden_layers',
  intermediateSize: 'intermediate_size',
  vocabSize: 'vocab_size',
  maxPositions: 'max_position_embeddings',
  epsilon: 'layer_norm_eps',
  crossAttentionFrequency: 'cross_attention_frequency',
  encoderWidth: 'encoder_hidden_size',
  activation: 'hidden_act',
  initializerRange: 'initializer_range',
  dropout: 'hidden_dropout_prob',
  attentionDropout: 'attention_probs_dropout_prob',
  textInput: 'use_qformer_text_input',
} as const satisfies Partial<Record<keyof QFormerConfig, string>>;

/**
 * Reads the configuration of a Q-Former from a `qformer_config`, which has only what differs from the defaults of transformers
 * (4.57).
 * @param json `qformer_config` of a `config.json`
 * @param rest what stands elsewhere in the file: `queries` (`num_query_tokens`), `projectionSize`
 *   (`image_text_hidden_size`), `encoderWidth` (the vision model's `hidden_size`, which wins)
 * @throws for a size that is no positive whole number, or heads that do not divide the width
 */
export function qformerConfig(
  json: Readonly<Record<string, unknown>> = {},
  rest: Partial<QFormerConfig> = {},
): QFormerConfig {
  const read = Object.entries(jsonNames)
    .filter(([, name]) => json[name] !== undefined && json[name] !== null)
    .map(([key, name]) => [key, json[name]]);
  const given: Partial<QFormerConfig> = { ...Object.fromEntries(read), ...rest };
  const range = given.initializerRange ?? defaults.initializerRange;
  const ranges = { embeddingRange: range, crossAttentionRange: range, feedForwardRange: range };
  const config: QFormerConfig = { ...defaults, ...ranges, ...given };
  for (const key of Object.keys(defaults) as (keyof QFormerConfig)[]) check(key, config[key]);
  if (config.hiddenSize % config.heads !== 0) {
    throw new Error(
      `A Q-Former of width ${config.hiddenSize} cannot have ${config.heads} heads; the heads must divide the width.`,
    );
  }
  return config;
}

/** Writes a configuration as a `qformer_config` with every key. */
export function qformerConfigJson(config: QFormerConfig): Record<string, unknown> {
  const keys = Object.keys(jsonNames) as (keyof typeof jsonNames)[];
  return { model_type: 'blip_2_qformer', ...Object.fromEntries(keys.map((key) => [jsonNames[key], config[key]])) };
}

const positive: readonly string[] = [
  'epsilon',
  'initializerRange',
  'embeddingRange',
  'crossAttentionRange',
  'feedForwardRange',
];
const rates: readonly string[] = ['dropout', 'attentionDropout'];

function check(key: keyof QFormerConfig, value: unknown): void {
  const most = key === 'layers' ? MOST_LAYERS : LARGEST_COUNT;
  const ok =
    key === 'textInput'
      ? typeof value === 'boolean'
      : key === 'activation'
        ? (activationNames as readonly unknown[]).includes(value)
        : positive.includes(key)
          ? typeof value === 'number' && value > 0 && Number.isFinite(value)
          : rates.includes(key)
            ? typeof value === 'number' && value >= 0 && value < 1
            : Number.isInteger(value) && (value as number) > 0 && (value as number) <= most;
  if (!ok) throw new Error(`The Q-Former's ${key} cannot be ${show(value)}; correct it in the config.`);
}
