import { formatOf, namesMatch, type QuantizationConfig, quantizationConfig } from '@blip2/models/folder';
import { isJson, type Json, matrixShape, quantize, type WeightSource } from '@blip2/tensor';
import { packedTensor, type TensorEntry } from '@blip2/tensor/safetensors';
import type { ConvertOptions, ModelFiles } from './options.js';

/**
 * How a conversion packs the matrices of a model; undefined where it packs none.
 * @throws for a dtype beside it, for patterns that match nothing, and for a model that is packed already
 */
export function quantizationFor(
  { source, config }: ModelFiles,
  { quantize: name, keep = [], dtype }: ConvertOptions,
): QuantizationConfig | undefined {
  if (name === undefined) {
    if (keep.length === 0) return undefined;
    throw new Error("The option 'keep' (--keep) is for 'quantize' (--quantize), which is missing; give both.");
  }
  if (dtype !== undefined) {
    throw new Error(`The options 'dtype' (--dtype) and 'quantize' (--quantize) exclude each other; leave one out.`);
  }
  const packed = [...source.names].find(([, info]) => info.packed !== undefined);
  if (packed) {
    const [tensor, { packed: format }] = packed;
    throw new Error(
      `${source.origin} is quantized already ('${tensor}' is ${format}), and would lose more; take the model in float32 or half precision.`,
    );
  }
  const quantization = quantizationConfig(name, { family: familyOf(config), keep });
  const isFrozen = frozenNames(config);
  const idle = keep.find((pattern) => ![...source.names.keys()].some((tensor) => namesMatch(pattern, tensor)));
  if (idle !== undefined) {
    throw new Error(
      `The names '${idle}' (--keep) are in the name of no tensor of ${source.origin}; inspect lists them.`,
    );
  }
  const formats = [...source.names].map(([tensor, { shape }]) =>
    formatOf({ name: tensor, shape }, quantization, isFrozen),
  );
  if (formats.some((format) => format !== undefined)) return quantization;
  throw new Error(
    `${source.origin} has no matrices of an image encoder or language model to quantize; leave it as it is.`,
  );
}

/** The family of the language model: of a BLIP-2, or of its own folder. */
function familyOf({ model_type: type, text_config: text }: Json): string | undefined {
  const found = isJson(text) ? (text.model_type ?? 'opt') : type;
  return typeof found === 'string' ? found : undefined;
}

/** Tells which tensors are of the frozen parts: of a BLIP-2 those with their prefixes, of a model of its own all. */
export function frozenNames({ model_type: type }: Json): (name: string) => boolean {
  if (type !== 'blip-2' && type !== 'instructblip') return () => true;
  return (name) => /^(?:vision_model|language_model)\./.test(name);
}

/** How tensors are packed. */
interface Packing {
  readonly quantization: QuantizationConfig;
  readonly isFrozen: (name: string) => boolean;
}

/** A tensor as an entry of a file: packed where the quantization says so, and otherwise as memory will have it. */
export function packedEntry(source: WeightSource, name: string, { quantization, isFrozen }: Packing): TensorEntry {
  const { shape, dtype } = source.names.get(name)!;
  const format = formatOf({ name, shape }, quantization, isFrozen);
  if (format === undefined) {
    const kept = shape.length !== 2 && (dtype === 'F16' || dtype === 'BF16') ? dtype : 'F32';
    return { name, shape, dtype: kept, data: () => source.read(name) };
  }
  const data = async () => packedTensor(quantize(await source.read(name), matrixShape(shape), format)).data;
  return { name, shape, dtype: format, packed: format, data };
}
