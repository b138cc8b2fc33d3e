import { type ActivationName, activationNames, LARGEST_COUNT, MOST_LAYERS, show } from '@blip2/tensor';

/** The sizes of a Q-Former and how it is trained; see `qformerConfig` for the defaults. */
export interface QFormerConfig {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly layers: number;
  readonly intermediateSize: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly epsilon: number;
  /** How many vectors the Q-Former gives for an image of any size. */
  readonly queries: number;
  /** Width of the features that image and text are compared by. */
  readonly projectionSize: number;
  /** Layers 0, f, 2f … look at the image. */
  readonly crossAttentionFrequency: number;
  /** Width of the image encoder's features. */
  readonly encoderWidth: number;
  readonly activation: ActivationName;
  /** Deviation of the first weights: BERT's 0.02 suits its width; narrow Q-Formers learn sooner with about 1/sqrt(width). */
  readonly initializerRange: number;
  /**
   * Deviation of the first words, positions and queries. A layer norm follows them, so that their size says nothing, but
   * steps of one length turn small ones further: a short training wants about 0.005. Default `initializerRange`.
   */
  readonly embeddingRange: number;
  /**
   * Deviation of the first weights of cross-attention and of the feed-forward networks. What a query sees of an image is
   * an average over all of it, small beside the query itself: a short training wants more of the one (about 0.1) and less
   * of the other (0.03). Default `initializerRange`.
   */
  readonly crossAttentionRange: number;
  readonly feedForwardRange: number;
  readonly dropout: number;
  readonly attentionDropout: number;
  /** Whether texts can be read: word and position embeddings, and the text branch of each layer. */
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
 * The configuration that a `qformer_config` stands for: it holds only what differs from the defaults (Hugging Face
 * transformers 4.57).
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

/** The `qformer_config` of a configuration, every key written out. */
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
