import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TokenizerFiles, trainByteLevelBpe, trainWordPiece } from '@blip2/data';
import { partSpecs, readModelConfig, tensorShapes } from '@blip2/models';
import {
  formatOf,
  type Quantization,
  type QuantizationConfig,
  quantizationConfig,
  quantizationJson,
} from '@blip2/models/folder';
import {
  hash,
  isJson,
  matrixShape,
  type ParamSpec,
  packedBytes,
  type QuantizedFormat,
  quantize,
  rng,
  type Spec,
  specLeaves,
} from '@blip2/tensor';
import { packedTensor, type TensorEntry, writeShardedSafetensors } from '@blip2/tensor/safetensors';
import { type PublishedConfig, type PublishedName, published, writeHollow } from '@blip2/testing/published';

export interface TrueSizeOptions {
  /** Default F16. */
  readonly dtype?: 'F32' | 'F16' | 'BF16';
  readonly seed?: number;
  /** Real headers and no data: every value is zero, and the disk holds nothing. */
  readonly sparse?: boolean;
  readonly maxShardBytes?: number;
  /** Packs the matrices of the frozen parts: random blocks, without the work of quantizing. What is not packed has `dtype`. */
  readonly quantize?: Quantization | undefined;
}

/** Writes a folder of a published model's shapes: random weights, a small tokenizer, the processor of its size. */
export async function makeTrueSize(name: PublishedName, folder: string, options: TrueSizeOptions = {}): Promise<void> {
  const { dtype = 'F16', seed = 1, sparse = false, maxShardBytes = 5e9, quantize: packing } = options;
  const quantization = packing && quantizationConfig(packing, { family: familyOf(published[name]) });
  const config: PublishedConfig = {
    ...published[name],
    ...(quantization && { quantization_config: quantizationJson(quantization) }),
  };
  const model = readModelConfig(config, folder);
  await mkdir(folder, { recursive: true });
  await writeText(folder, config);
  if (sparse) {
    const tensors = tensorShapes(model);
    await writeHollow(folder, { tensors, dtype, shards: 2 });
  } else {
    const { vision, trained, language } = partSpecs(model);
    const entries = [
      ...entriesOf(vision, { prefix: 'vision_model.', dtype, seed, quantization }),
      ...entriesOf(trained, { prefix: '', dtype, seed }),
      ...entriesOf(language, { prefix: 'language_model.', dtype, seed, quantization }),
    ];
    await writeShardedSafetensors(folder, entries, { maxShardBytes, metadata: { format: 'pt' } });
  }
}

/** The family of the language model; published configs of OPT do not say it. */
function familyOf({ text_config: text }: PublishedConfig): string | undefined {
  if (!isJson(text)) return undefined;
  return typeof text.model_type === 'string' ? text.model_type : 'opt';
}

interface Style {
  readonly prefix: string;
  readonly dtype: 'F32' | 'F16' | 'BF16';
  readonly seed: number;
  readonly quantization?: QuantizationConfig | undefined;
}

const entriesOf = (spec: Spec | undefined, { prefix, dtype, seed, quantization }: Style): TensorEntry[] =>
  (spec ? specLeaves(spec) : []).map(([path, leaf]) => {
    const name = prefix + path;
    const { shape } = leaf;
    const format = leaf.packable && quantization && formatOf({ name, shape }, quantization, () => true);
    if (format)
      return { name, shape, dtype: format, packed: format, data: () => blocksOf(format, leaf, hash(seed, name)) };
    if (quantization && shape.length === 2)
      return { name, shape, dtype: 'F32', data: () => valuesOf(leaf, hash(seed, name)) };
    return { name, shape: leaf.shape, dtype, data: () => valuesOf(leaf, hash(seed, name)) };
  });

/** A prime, so that no two rows of a table are the same. */
const DRAWN = 65_537;

/** What a parameter begins with; of a large one only so many values are drawn, and then come again. */
function valuesOf({ shape, init }: ParamSpec, seed: number): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1);
  if (size <= DRAWN) return init(shape, rng(seed));
  const drawn = init([DRAWN], rng(seed));
  const values = new Float32Array(size);
  for (let at = 0; at < size; at += DRAWN) values.set(drawn.subarray(0, Math.min(DRAWN, size - at)), at);
  return values;
}

/** Rows that are packed; a matrix of more repeats them. */
const PACKED = 16;

/** Packed values as a parameter begins with, some rows of which come again and again. */
function blocksOf(format: QuantizedFormat, { shape, init }: ParamSpec, seed: number): Uint8Array {
  const [output, input] = matrixShape(shape);
  const drawn = [Math.min(PACKED, output), input] as const;
  const { bytes, scales } = quantize(init(drawn, rng(seed)), drawn, format);
  const packed = new Uint8Array(packedBytes(format, [output, input]));
  for (let at = 0; at < packed.length; at += bytes.length) packed.set(bytes.subarray(0, packed.length - at), at);
  const repeated = scales && Float32Array.from({ length: output }, (_, row) => scales[row % scales.length] as number);
  return packedTensor({ format, shape: [output, input], bytes: packed, scales: repeated }).data;
}

const CORPUS = ['a photo of', 'a cat next to a cup', 'Question: what is this? Answer: a rocket', 'two red apples'];

async function writeText(folder: string, config: PublishedConfig): Promise<void> {
  const speaks = 'text_config' in config;
  const files: TokenizerFiles = speaks
    ? trainByteLevelBpe(CORPUS, { vocabSize: 300 })
    : trainWordPiece(CORPUS, { vocabSize: 100 });
  const vision = config.vision_config as { readonly image_size?: number } | undefined;
  const side = vision?.image_size ?? 224;
  const image = { image_processor_type: 'BlipImageProcessor', size: { height: side, width: side }, resample: 3 };
  const texts: readonly [file: string, json: unknown][] = [
    ['config.json', config],
    ['tokenizer.json', files.tokenizer],
    ['tokenizer_config.json', files.config ?? {}],
    ['processor_config.json', { image_processor: image, num_query_tokens: config.num_query_tokens }],
  ];
  for (const [file, json] of texts) await writeFile(join(folder, file), `${JSON.stringify(json, undefined, 2)}\n`);
}
