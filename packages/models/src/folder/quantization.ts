import { isJson, isPackable, type Json, type QuantizedFormat, show } from '@blip2/tensor';
import { QUANT_METHOD } from '@blip2/tensor/files';

/** How many bits the weights of the frozen parts have: 8, 4, or half precision. */
export const quantizations = ['int8', 'int4', 'f16'] as const;
/** The name of a quantization, as in `convert --quantize`. */
export type Quantization = (typeof quantizations)[number];

/** How the frozen parts of a model were quantized: `quantization_config` in its `config.json`. */
export interface QuantizationConfig {
  readonly quantize: Quantization;
  /** Patterns of the matrices of the frozen parts that are not packed, but float32. */
  readonly keep: readonly string[];
  /** Patterns of the matrices that have 8 bits where the others have 4. */
  readonly int8: readonly string[];
}

/** The formats of a quantization, the first where a matrix can have it. */
const formats: Readonly<Record<Quantization, readonly QuantizedFormat[]>> = {
  int8: ['I8'],
  int4: ['Q4_0', 'I8'], // rows that are not whole blocks of 32 have 8 bits
  f16: ['F16'],
};

/** Tables that are small, and of which ops read the values. */
const TABLES = ['embed_positions', 'position_embedding', 'position_embeddings', 'relative_attention_bias'];

/** What differs for a family of language models. */
const families: Readonly<Record<string, Partial<QuantizationConfig>>> = {
  // Sensitive in large models: the accuracy that int8 loses, it loses in fc1 and fc2 (smoothquant #42, GPTQModel #117). fc2 has the
  // inputs that are not normalized; fc1 in 8 bits too would take 0.37 GB more of OPT-2.7B.
  opt: { int8: ['decoder.layers.*.fc2'] },
  // transformers keeps it in float32 as well (#20287): its inputs have outliers.
  t5: { keep: ['wo'] },
};

/**
 * The quantization of a model by default: the Q-Former, its heads, norms and biases are never packed, and this says which
 * matrices of the frozen parts are not, or have 8 bits where others have 4.
 * @param quantize how many bits the frozen matrices have
 * @param options `family`, the `model_type` of the language model, undefined where there is none; `keep`, more patterns of
 * matrices to keep in float32
 */
export function quantizationConfig(
  quantize: Quantization,
  { family, keep = [] }: { readonly family?: string | undefined; readonly keep?: readonly string[] | undefined } = {},
): QuantizationConfig {
  const own = family !== undefined && Object.hasOwn(families, family) ? families[family] : undefined;
  return {
    quantize,
    keep: [...TABLES, ...(own?.keep ?? []), ...keep],
    int8: quantize === 'int4' ? (own?.int8 ?? []) : [],
  };
}

/** The `quantization_config` of a `config.json`. */
export const quantizationJson = (config: QuantizationConfig): Json => ({ quant_method: QUANT_METHOD, ...config });

/**
 * Reads the `quantization_config` of a `config.json`; undefined where there is none.
 * @throws for one that is malformed
 */
export function readQuantization({ quantization_config: json }: Json, at: string): QuantizationConfig | undefined {
  if (json === undefined || json === null) return undefined;
  const { quantize, keep = [], int8 = [] } = isJson(json) ? json : {};
  const known = quantizations.find((name) => name === quantize);
  if (known && isTexts(keep) && isTexts(int8)) return { quantize: known, keep, int8 };
  throw new Error(
    `'quantization_config' in ${at} must be like {"quant_method": "${QUANT_METHOD}", "quantize": "int4", "keep": [], "int8": []}, not ${show(json)}.`,
  );
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/** A tensor of a model with its name in the file. */
export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * Chooses the format of a tensor; undefined for one that is not packed.
 * @param isFrozen whether a name belongs to the image encoder or the language model
 */
export function formatOf(
  { name, shape }: NamedShape,
  { quantize, keep, int8 }: QuantizationConfig,
  isFrozen: (name: string) => boolean,
): QuantizedFormat | undefined {
  const isMatrix = shape.length >= 2 && shape.slice(2).every((size) => size === 1); // 1x1 convolutions too
  const input = shape[1];
  const packs = isMatrix && shape.length <= 4 && name.endsWith('.weight') && isFrozen(name);
  if (!packs || input === undefined || keep.some((pattern) => namesMatch(pattern, name))) return undefined;
  const wanted = int8.some((pattern) => namesMatch(pattern, name)) ? formats.int8 : formats[quantize];
  return wanted.find((format) => isPackable(format, input));
}

/** Whether the names of a pattern, between dots, follow each other anywhere in a tensor's name; `*` is any one name. */
export function namesMatch(pattern: string, name: string): boolean {
  const [parts, names] = [pattern, name].map((text) => text.split('.')) as [string[], string[]];
  return names.some((_, at) =>
    parts.every((part, i) => (part === '*' ? at + i < names.length : part === names[at + i])),
  );
}
