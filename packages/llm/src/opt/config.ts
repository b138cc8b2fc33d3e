import { activationNames, fieldsOf, type Json, MOST_LAYERS, show, showWord } from '@blip2/tensor';

/** The configuration of an OPT model; `optConfig` reads it from a Hugging Face `config.json`. */
export interface OptConfig {
  readonly modelType: 'opt';
  readonly vocabSize: number;
  readonly hiddenSize: number;
  /** `word_embed_proj_dim`: the width of token embeddings, and so of a soft prompt; projected where it is not `hiddenSize`. */
  readonly embeddingSize: number;
  /** `do_layer_norm_before`: whether a norm stands before each sublayer, or after it as in OPT-350M. */
  readonly preNorm: boolean;
  /** Whether a norm stands after the last layer. */
  readonly finalNorm: boolean;
  readonly layers: number;
  readonly heads: number;
  readonly ffnSize: number;
  readonly maxPositions: number;
  readonly activation: string;
  readonly bias: boolean;
  readonly tied: boolean;
  readonly dropout: number;
  readonly attentionDropout: number;
  readonly initStd: number;
  readonly bos: number;
  readonly eos: readonly number[];
  readonly pad: number;
}

/** The epsilon of every layer norm in OPT; not a field of its config. */
export const LAYER_NORM_EPSILON = 1e-5;

/**
 * Reads the `text_config` of a BLIP-2 folder or the `config.json` of an OPT folder; absent fields have
 * Hugging Face's defaults, those of OPT-125M.
 * @throws naming the field, for what is malformed or belongs to a variant that this implementation does not compute: norms
 * without weights.
 */
export function optConfig(json: Json = {}): OptConfig {
  const kind = json.model_type ?? 'opt';
  if (kind !== 'opt') throw new Error(`An OPT config has model_type 'opt', not ${showWord(kind)}.`);
  const { count, fraction, flag, ids, oneOf } = fieldsOf(json, 'OPT');
  const hiddenSize = count('hidden_size', 768, { least: 1 });
  const preNorm = flag('do_layer_norm_before', true);
  refuse(json, 'layer_norm_elementwise_affine', true);
  const heads = count('num_attention_heads', 12, { least: 1 });
  if (hiddenSize % heads !== 0) {
    throw new Error(
      `The OPT config's hidden_size ${hiddenSize} must be a multiple of its num_attention_heads ${heads}.`,
    );
  }
  return {
    modelType: 'opt',
    vocabSize: count('vocab_size', 50272),
    hiddenSize,
    embeddingSize: count('word_embed_proj_dim', hiddenSize, { least: 1 }),
    preNorm,
    finalNorm: preNorm && !flag('_remove_final_layer_norm', false),
    layers: count('num_hidden_layers', 12, { most: MOST_LAYERS }),
    heads,
    ffnSize: count('ffn_dim', 3072),
    maxPositions: count('max_position_embeddings', 2048),
    activation: oneOf('activation_function', 'relu', activationNames),
    bias: flag('enable_bias', true),
    tied: flag('tie_word_embeddings', true),
    dropout: fraction('dropout', 0.1),
    attentionDropout: fraction('attention_dropout', 0),
    initStd: fraction('init_std', 0.02),
    bos: count('bos_token_id', 2),
    eos: ids('eos_token_id', 2),
    pad: count('pad_token_id', 1),
  };
}

function refuse(json: Json, field: string, only: boolean | number): void {
  const value = json[field] ?? only;
  if (value === only) return;
  throw new Error(`The OPT config's ${field} is ${show(value)}; only ${String(only)} is supported here.`);
}
