import { activationNames, fieldsOf, type Json, MOST_LAYERS, show, showWord } from '@blip2/tensor';

/** The configuration of a T5 model; `t5Config` reads it from a Hugging Face `config.json`. */
export interface T5Config {
  readonly modelType: 't5';
  readonly vocabSize: number;
  /** `d_model` */
  readonly hiddenSize: number;
  /** `d_kv`: the width of a head, which need not be `hiddenSize / heads`. */
  readonly headSize: number;
  /** `d_ff` */
  readonly ffnSize: number;
  /** Number of layers of the encoder. */
  readonly layers: number;
  readonly decoderLayers: number;
  readonly heads: number;
  /** `relative_attention_num_buckets` and `relative_attention_max_distance`. */
  readonly buckets: number;
  readonly maxDistance: number;
  readonly activation: string;
  /** Whether the feed-forward layers are `wo(act(wi_0 x) * wi_1 x)` or `wo(act(wi x))`. */
  readonly gated: boolean;
  readonly epsilon: number;
  readonly tied: boolean;
  /** Whether the input of the head is multiplied by `hiddenSize^-0.5`, as in T5 1.0. */
  readonly scaleOutputs: boolean;
  readonly dropout: number;
  readonly initFactor: number;
  readonly bos: number;
  readonly eos: readonly number[];
  readonly pad: number;
  readonly decoderStart: number;
}

/**
 * Reads the `text_config` of a BLIP-2 folder or the `config.json` of a T5 folder; absent fields have Hugging Face's
 * defaults, those of T5-small. A `dense_act_fn` takes precedence over `feed_forward_proj`: BLIP-2's Flan-T5
 * has the exact GELU. The head's input is scaled if `scale_decoder_outputs` is true or, where that key is absent, the
 * head tied. Targets begin with the padding token; T5 has no BOS, and an empty prompt is the EOS token.
 * @throws naming the field that is malformed
 */
export function t5Config(json: Json = {}): T5Config {
  const kind = json.model_type ?? 't5';
  if (kind !== 't5') throw new Error(`A T5 config has model_type 't5', not ${showWord(kind)}.`);
  const { count, fraction, positive, flag, ids } = fieldsOf(json, 'T5');
  const depth = { least: 1, most: MOST_LAYERS };
  const layers = count('num_layers', 6, depth);
  const tied = flag('tie_word_embeddings', true);
  const eos = ids('eos_token_id', 1);
  const pad = count('pad_token_id', 0);
  const buckets = count('relative_attention_num_buckets', 32, { least: 4 });
  return {
    modelType: 't5',
    vocabSize: count('vocab_size', 32128),
    hiddenSize: count('d_model', 512, { least: 1 }),
    headSize: count('d_kv', 64, { least: 1 }),
    ffnSize: count('d_ff', 2048),
    layers,
    decoderLayers: count('num_decoder_layers', layers, depth),
    heads: count('num_heads', 8, { least: 1 }),
    buckets,
    maxDistance: count('relative_attention_max_distance', 128, { least: Math.floor(buckets / 2) + 1 }),
    ...denseOf(json),
    epsilon: positive('layer_norm_epsilon', 1e-6),
    tied,
    scaleOutputs: flag('scale_decoder_outputs', tied),
    dropout: fraction('dropout_rate', 0.1),
    initFactor: positive('initializer_factor', 1),
    bos: count('bos_token_id', eos[0] as number),
    eos,
    pad,
    decoderStart: count('decoder_start_token_id', pad),
  };
}

/** The feed-forward layer: `feed_forward_proj` is an activation, or one with 'gated-' before it. */
function denseOf(json: Json): Pick<T5Config, 'activation' | 'gated'> {
  const { flag } = fieldsOf(json, 'T5');
  const projection = json.feed_forward_proj ?? 'relu';
  const [, gate, name] = /^(gated-)?([^-]+)$/.exec(typeof projection === 'string' ? projection : '') ?? [];
  if (name === undefined) {
    throw new Error(
      `The T5 config's feed_forward_proj must be an activation or 'gated-' and one, not ${show(projection)}.`,
    );
  }
  const gated = flag('is_gated_act', gate !== undefined);
  const activation = json.dense_act_fn ?? (projection === 'gated-gelu' ? 'gelu_new' : name);
  if (!activationNames.some((known) => known === activation)) {
    const field = json.dense_act_fn === undefined || json.dense_act_fn === null ? 'feed_forward_proj' : 'dense_act_fn';
    throw new Error(
      `The T5 config's ${field} asks for the activation ${showWord(activation)}, which is not one of ${activationNames.join(', ')}.`,
    );
  }
  return { activation: activation as string, gated };
}
