import type { Json } from '../config/fields.js';
import { show } from '../config/show.js';
import type { QuantizedValues } from '../quantized/formats.js';
import type { WeightSource } from '../weights.js';
import { GgufError } from './errors.js';
import type { GgufSource } from './open.js';

/** Architectures, as `general.architecture` names them, and the `model_type` of Hugging Face. */
const ARCHITECTURES: ReadonlyMap<unknown, string> = new Map([
  ['llama', 'llama'],
  ['qwen2', 'qwen2'],
]);

function modelType({ metadata, origin }: GgufSource): string {
  const architecture = metadata.get('general.architecture');
  const type = ARCHITECTURES.get(architecture);
  if (type) return type;
  const known = [...ARCHITECTURES.keys()].join(' and ');
  const name = architecture === undefined ? 'no architecture' : `the architecture ${show(architecture)}`;
  throw new GgufError(origin, `it has ${name}, which is not read here`, `give a model of the architectures ${known}`);
}

/**
 * Derives the `config.json` of a Hugging Face folder from the metadata of a GGUF file: a Llama (Mistral is one in GGUF) or a
 * Qwen2. Fields that the file lacks are left out, so that the defaults of the configuration apply.
 * @throws GgufError for another architecture, and for values that differ from layer to layer
 */
export async function huggingFaceConfig(source: GgufSource): Promise<Json> {
  const { metadata, names, origin } = source;
  const type = modelType(source);
  const of = (key: string): unknown => {
    const value = metadata.get(`${metadata.get('general.architecture')}.${key}`);
    if (!Array.isArray(value)) return value;
    if (value.length > 0 && value.every((one) => one === value[0])) return value[0];
    throw new GgufError(origin, `its ${key} differs from layer to layer`, 'give a model of equal layers');
  };
  const table = names.get('token_embd.weight');
  const fields = {
    model_type: type,
    vocab_size: table?.shape[0],
    hidden_size: of('embedding_length'),
    intermediate_size: of('feed_forward_length'),
    num_hidden_layers: of('block_count'),
    num_attention_heads: of('attention.head_count'),
    num_key_value_heads: of('attention.head_count_kv') ?? of('attention.head_count'),
    head_dim: of('attention.key_length') ?? of('rope.dimension_count'),
    max_position_embeddings: of('context_length'),
    rms_norm_eps: of('attention.layer_norm_rms_epsilon'),
    tie_word_embeddings: !names.has('output.weight'),
    ...(type === 'llama' && {
      attention_bias: names.has('blk.0.attn_q.bias'),
      mlp_bias: names.has('blk.0.ffn_up.bias'),
    }),
    rope_parameters: { rope_theta: of('rope.freq_base') ?? 10000, ...(await scaling(source, of)) },
    ...huggingFaceGeneration(source),
  };
  return given(fields);
}

const given = (fields: Json): Json =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** In place of the numbers that Llama 3.1's frequencies are computed of, `rope_freqs.weight` has their divisors. */
async function scaling({ names, origin, read }: GgufSource, of: (key: string) => unknown): Promise<Json> {
  if (names.has(DIVISORS)) {
    const factor = (await read(DIVISORS)).reduce((most, divisor) => Math.max(most, divisor), 1);
    return { rope_type: 'llama3', factor, ...LLAMA3 };
  }
  const factor = of('rope.scaling.factor') ?? of('rope.scale_linear');
  const type = of('rope.scaling.type') ?? (factor === undefined || factor === 1 ? 'none' : 'linear');
  if (type === 'none') return { rope_type: 'default' };
  if (type !== 'linear' && type !== 'yarn') {
    throw new GgufError(
      origin,
      `its rotary positions have the scaling ${show(type)}`,
      'none, linear and yarn are read',
    );
  }
  const original = of('rope.scaling.original_context_length');
  return { rope_type: type, factor, ...(original !== undefined && { original_max_position_embeddings: original }) };
}

const DIVISORS = 'rope_freqs.weight';
/** The scaling of the published Llamas from 3.1 on, but for the factor, which is the largest divisor. */
const LLAMA3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/** Derives the special ids of a `generation_config.json` from the metadata of a GGUF file. */
export function huggingFaceGeneration({ metadata }: GgufSource): Json {
  const id = (name: string): unknown => metadata.get(`tokenizer.ggml.${name}_token_id`);
  const ends = [id('eos'), id('eot')].filter((end) => end !== undefined);
  return given({
    bos_token_id: id('bos'),
    eos_token_id: ends.length > 0 ? [...new Set(ends)] : undefined,
    pad_token_id: id('padding'),
  });
}

/** Names in a layer, `blk.N.`, and those of Hugging Face in `model.layers.N.`. */
const LAYER: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
const WHOLE: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

function nameOf(name: string): string {
  const [, layer, part = '', kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const known = layer === undefined ? WHOLE : LAYER;
  if (!Object.hasOwn(known, part)) return name;
  return `${layer === undefined ? '' : `model.layers.${layer}.`}${known[part]}.${kind}`;
}

/**
 * Gives the weights of a GGUF file by the names of a Hugging Face folder, packed where they are packed. The rows of a Llama's
 * queries and keys, which GGUF has in pairs that are rotated together, are put in the order of Hugging Face.
 */
export function huggingFaceWeights(source: GgufSource): WeightSource {
  const type = modelType(source);
  const own = new Map([...source.names.keys()].flatMap((name) => (name === DIVISORS ? [] : [[nameOf(name), name]])));
  const paired = (name: string): number | undefined => {
    const part = /^blk\.\d+\.attn_([qk])\./.exec(name)?.[1];
    if (type !== 'llama' || part === undefined) return undefined;
    const heads = source.metadata.get(`llama.attention.head_count${part === 'k' ? '_kv' : ''}`);
    return Number(Array.isArray(heads) ? heads[0] : (heads ?? source.metadata.get('llama.attention.head_count')));
  };
  const find = (name: string): string => own.get(name) ?? name;
  return {
    origin: source.origin,
    names: new Map(
      [...own].map(([name, file]) => [name, source.names.get(file) as { shape: number[]; dtype: string }]),
    ),
    async read(name) {
      const file = find(name);
      const values = await source.read(file);
      const heads = paired(file);
      return heads ? inHalves(values, source.names.get(file)?.shape[0] as number, heads) : values;
    },
    async quantized(name): Promise<QuantizedValues | undefined> {
      const file = find(name);
      const values = await source.quantized(file);
      const heads = paired(file);
      return values && heads ? { ...values, bytes: inHalves(values.bytes, values.shape[0], heads) } : values;
    },
    close: () => source.close(),
  };
}

/** Reorders the rows of each head: pairs (2i, 2i + 1) become (i, i + half). What is not as many heads stays as it is. */
function inHalves<T extends Float32Array | Uint8Array>(rows: T, count: number, heads: number): T {
  const size = count / heads;
  if (!Number.isInteger(size) || size % 2 !== 0) return rows;
  const length = rows.length / count;
  const out = rows.slice() as T;
  for (let row = 0; row < count; row++) {
    const [head, i] = [Math.floor(row / size), row % size];
    const to = head * size + (i % 2) * (size / 2) + Math.floor(i / 2);
    out.set(rows.subarray(row * length, (row + 1) * length), to * length);
  }
  return out;
}
