import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TokenizerFiles, trainByteLevelBpe, trainWordPiece } from '@blip2/data';
import { partSpecs, readModelConfig, tensorShapes } from '@blip2/models';
import { hash, type ParamSpec, rng, type Spec, specLeaves } from '@blip2/tensor';
import { type TensorEntry, writeShardedSafetensors } from '@blip2/tensor/safetensors';
import { type PublishedConfig, type PublishedName, published, writeHollow } from '@blip2/testing/published';

export interface TrueSizeOptions {
  /** Default F16. */
  readonly dtype?: 'F32' | 'F16' | 'BF16';
  readonly seed?: number;
  /** Real headers and no data: every value is zero, and the disk holds nothing. */
  readonly sparse?: boolean;
  readonly maxShardBytes?: number;
}

/** Writes a folder of a published model's shapes: random weights, a small tokenizer, the processor of its size. */
export async function makeTrueSize(name: PublishedName, folder: string, options: TrueSizeOptions = {}): Promise<void> {
  const { dtype = 'F16', seed = 1, sparse = false, maxShardBytes = 5e9 } = options;
  const config: PublishedConfig = published[name];
  const model = readModelConfig(config, folder);
  await mkdir(folder, { recursive: true });
  await writeText(folder, config);
  if (sparse) {
    const tensors = tensorShapes(model);
    await writeHollow(folder, { tensors, dtype, shards: 2 });
  } else {
    const { vision, trained, language } = partSpecs(model);
    const entries = [
      ...entriesOf(vision, { prefix: 'vision_model.', dtype, seed }),
      ...entriesOf(trained, { prefix: '', dtype, seed }),
      ...entriesOf(language, { prefix: 'language_model.', dtype, seed }),
    ];
    await writeShardedSafetensors(folder, entries, { maxShardBytes, metadata: { format: 'pt' } });
  }
}

interface Style {
  readonly prefix: string;
  readonly dtype: 'F32' | 'F16' | 'BF16';
  readonly seed: number;
}

const entriesOf = (spec: Spec | undefined, { prefix, dtype, seed }: Style): TensorEntry[] =>
  (spec ? specLeaves(spec) : []).map(([path, leaf]) => {
    const name = prefix + path;
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
