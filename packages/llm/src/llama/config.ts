import { activationNames, fieldsOf, type Json, MOST_LAYERS, showWord } from '@blip2/tensor';
import { type RotaryScaling, rotaryScaling } from './rotary-scaling.js';

/** The `model_type` of each configuration that is a Llama in all but defaults. */
export const LLAMA_TYPES = ['llama', 'qwen2', 'mistral'] as const;

/** The configuration of a model of the Llama family; `llamaConfig` reads it from a Hugging Face `config.json`. */
export interface LlamaConfig {
  readonly modelType: (typeof LLAMA_TYPES)[number];
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Number of heads of keys and values, each shared by `heads / keyHeads` query heads. */
  readonly keyHeads: number;
  /** Width of a head, which need not be `hiddenSize / heads`. */
  readonly headSize: number;
  readonly ffnSize: number;
  /** The largest number of columns; a sliding window ends it, as far as which a model with one is a model without. */
  readonly maxPositions: number;
  readonly activation: string;
  /** `rms_norm_eps` */
  readonly epsilon: number;
  /** `rope_parameters`, or `rope_theta` and `rope_scaling`. */
  readonly rotary: RotaryScaling;
  /** Whether queries, keys and values have biases. */
  readonly queryBias: boolean;
  /** Whether the output of attention has a bias. */
  readonly outputBias: boolean;
  /** Whether the feed-forward layers have biases. */
  readonly ffnBias: boolean;
  readonly tied: boolean;
  readonly attentionDropout: number;
  readonly initStd: number;
  readonly bos: number;
  readonly eos: readonly number[];
  readonly pad: number;
}

/** What differs between the defaults of the types: Hugging Face's, those of Llama 2 7B, Qwen2 7B and Mistral 7B. */
const DEFAULTS = {
  llama: { vocabSize: 32000, ffnSize: 11008, keyHeads: undefined, maxPositions: 2048, epsilon: 1e-6, bos: 1, eos: 2 },
  qwen2: { vocabSize: 151936, ffnSize: 22016, keyHeads: 32, maxPositions: 32768, epsilon: 1e-6, bos: 0, eos: 0 },
  mistral: { vocabSize: 32000, ffnSize: 14336, keyHeads: 8, maxPositions: 131072, epsilon: 1e-6, bos: 1, eos: 2 },
} as const;

/** What differs between the types in the layers. */
const BIASES = {
  llama: (fields: ReturnType<typeof fieldsOf>) => {
    const attention = fields.flag('attention_bias', false);
    return { queryBias: attention, outputBias: attention, ffnBias: fields.flag('mlp_bias', false) };
  },
  qwen2: () => ({ queryBias: true, outputBias: false, ffnBias: false }),
  mistral: () => ({ queryBias: false, outputBias: false, ffnBias: false }),
} as const;

/**
 * Reads the `text_config` of a BLIP-2 folder or the `config.json` of a folder of a Llama (Touvron et al. 2023), Qwen2 or
 * Mistral; absent fields have Hugging Face's defaults. A model without BOS begins a text with its first EOS; one without a
 * padding token pads with it.
 * @throws naming the field that is malformed or asks for something that is not computed here
 */
export function llamaConfig(json: Json = {}): LlamaConfig {
  const type = LLAMA_TYPES.find((known) => known === (json.model_type ?? 'llama'));
  if (!type)
    throw new Error(`A Llama config has model_type ${LLAMA_TYPES.join(' or ')}, not ${showWord(json.model_type)}.`);
  const fields = fieldsOf(json, NAMES[type]);
  const { count, fraction, positive, flag, ids, oneOf } = fields;
  const defaults = DEFAULTS[type];
  const hiddenSize = count('hidden_size', 4096, { least: 1 });
  const heads = count('num_attention_heads', 32, { least: 1 });
  if (typeof json.head_dim !== 'number' && hiddenSize % heads !== 0) {
    throw new Error(
      `The ${NAMES[type]} config's hidden_size ${hiddenSize} must be a multiple of its num_attention_heads ${heads}.`,
    );
  }
  const headSize = count('head_dim', hiddenSize / heads, { least: 2 });
  if (headSize % 2 !== 0) {
    throw new Error(`The ${NAMES[type]} config's head_dim ${headSize} must be even, for pairs are rotated.`);
  }
  const keyHeads = count('num_key_value_heads', defaults.keyHeads ?? heads, { least: 1 });
  if (heads % keyHeads !== 0) {
    throw new Error(
      `The ${NAMES[type]} config's num_attention_heads ${heads} must be a multiple of its num_key_value_heads ${keyHeads}.`,
    );
  }
  const positions = count('max_position_embeddings', defaults.maxPositions, { least: 1 });
  const rotary = rotaryScaling(json, { name: NAMES[type], positions, headSize });
  const eos = ids('eos_token_id', defaults.eos);
  const end = eos[0] as number;
  return {
    modelType: type,
    vocabSize: count('vocab_size', defaults.vocabSize),
    hiddenSize,
    layers: count('num_hidden_layers', 32, { most: MOST_LAYERS }),
    heads,
    keyHeads,
    headSize,
    ffnSize: count('intermediate_size', defaults.ffnSize),
    maxPositions: Math.min(reachOf(rotary, positions), slidingWindow(json, type)),
    activation: oneOf('hidden_act', 'silu', activationNames),
    epsilon: positive('rms_norm_eps', defaults.epsilon),
    rotary,
    ...BIASES[type](fields),
    tied: flag('tie_word_embeddings', false),
    attentionDropout: fraction('attention_dropout', 0),
    initStd: fraction('initializer_range', 0.02),
    bos: count('bos_token_id', json.bos_token_id === null || type === 'qwen2' ? end : defaults.bos),
    eos,
    pad: count('pad_token_id', end),
  };
}

const NAMES = { llama: 'Llama', qwen2: 'Qwen2', mistral: 'Mistral' } as const;

/** How many positions there are: `max_position_embeddings` may be that before the scaling. */
function reachOf(rotary: RotaryScaling, positions: number): number {
  if (rotary.type === 'linear' || rotary.type === 'dynamic') return Math.floor(positions * rotary.factor);
  return rotary.type === 'yarn' ? Math.max(positions, Math.floor(rotary.original * rotary.factor)) : positions;
}

/** How far a layer looks back: a window as long as the text changes nothing. */
function slidingWindow(json: Json, type: LlamaConfig['modelType']): number {
  const { count, flag } = fieldsOf(json, NAMES[type]);
  const none = Number.POSITIVE_INFINITY;
  if (type === 'llama' || (type === 'qwen2' && !flag('use_sliding_window', false))) return none;
  if (json.sliding_window === null) return none;
  return count('sliding_window', 4096, { least: 1 });
}
