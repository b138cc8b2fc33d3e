import type { LanguageModel } from '@blip2/llm';
import {
  dispose,
  hash,
  matrixShape,
  type ParamSpec,
  packedBytes,
  type QuantizedFormat,
  type QuantizedValues,
  quantize,
  rng,
  type Spec,
  specLeaves,
  type TensorDescription,
  type WeightSource,
} from '@blip2/tensor';
import { type PublishedName, published } from '@blip2/testing/published';
import type { Stage1Params, Stage2Params } from '@blip2/training';
import type { VisionEncoder } from '@blip2/vision';
import { type ModelConfig, readModelConfig } from '../src/folder/config.js';
import { loadPlan } from '../src/folder/load-plan.js';
import { placeModel } from '../src/folder/memory-budget.js';
import { formatOf, type Quantization, quantizationConfig } from '../src/folder/quantization.js';
import { bytesIn, keptOutside } from '../src/folder/sources.js';
import { partSpecs } from '../src/folder/specs.js';

/** A published model with random weights. */
export interface RandomModel {
  readonly config: ModelConfig;
  readonly vision: VisionEncoder;
  readonly params: Stage1Params | Stage2Params;
  /** Of a generation model. */
  readonly language?: LanguageModel | undefined;
  dispose(): void;
}

/** Loads a published model of true size as its folder would be loaded, with random weights that no file holds. */
export async function randomModel(name: PublishedName, quantization: Quantization): Promise<RandomModel> {
  const { config, plan, source, inHeap } = planned(name, quantization);
  const part = (within: WeightSource, bytes: number | undefined): WeightSource =>
    bytes === undefined ? within : { ...within, ...keptOutside(source, bytes) };
  const vision = await plan.vision!.load(part(plan.vision!.source, inHeap?.vision));
  const params = await plan.trained.load(plan.trained.source);
  const language = await plan.language?.load(part(plan.language.source, inHeap?.language));
  return {
    config,
    vision,
    params,
    language,
    dispose: () => {
      vision.dispose?.();
      dispose(params);
      language?.dispose?.();
    },
  };
}

/** Loads the language model of a published model alone. */
export async function randomLanguage(name: PublishedName, quantization: Quantization): Promise<LanguageModel> {
  const { plan } = planned(name, quantization);
  return plan.language!.load(plan.language!.source);
}

function planned(name: PublishedName, quantization: Quantization) {
  const config = readModelConfig(published[name], name);
  const source = randomSource(config, quantization);
  const plan = loadPlan(source, config);
  const stored = { vision: bytesIn(plan.vision?.source), language: bytesIn(plan.language?.source) };
  return { config, plan, source, inHeap: placeModel(name, plan.memory, { stored }).inHeap };
}

/** Random weights by name; each is made when it is read. */
function randomSource(config: ModelConfig, quantization: Quantization): WeightSource {
  const { vision, trained, language } = partSpecs(config);
  const { language: own } = config;
  const family = own && 'modelType' in own ? own.modelType : undefined;
  const rules = quantizationConfig(quantization, { family });
  const leaves = new Map<string, ParamSpec & { format?: QuantizedFormat | undefined }>();
  const add = (prefix: string, spec: Spec | undefined, frozen: boolean): void => {
    for (const [path, leaf] of spec ? specLeaves(spec) : []) {
      const name = prefix + path;
      const format = leaf.packable ? formatOf({ name, shape: leaf.shape }, rules, () => frozen) : undefined;
      leaves.set(name, { ...leaf, format });
    }
  };
  add('vision_model.', vision, true);
  add('', trained, false);
  add('language_model.', language, true);
  const names = new Map(
    [...leaves].map(([name, { shape, format }]): [string, TensorDescription] => [
      name,
      { shape, dtype: format ?? 'F32', packed: format },
    ]),
  );
  return {
    origin: 'random weights',
    names,
    read: async (name) => values(leaves.get(name)!, hash(1, name)),
    quantized: async (name) => {
      const leaf = leaves.get(name);
      return leaf?.format && packed(leaf.format, leaf, hash(1, name));
    },
    close: async () => {},
  };
}

/** A prime, so that no two rows of a table are the same. */
const DRAWN = 65_537;

/** What a parameter begins with; of a large one only so many values are drawn, and then come again. */
function values({ shape, init }: ParamSpec, seed: number): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1);
  if (size <= DRAWN) return init(shape, rng(seed));
  const drawn = init([DRAWN], rng(seed));
  const all = new Float32Array(size);
  for (let at = 0; at < size; at += DRAWN) all.set(drawn.subarray(0, Math.min(DRAWN, size - at)), at);
  return all;
}

/** Rows that are packed; a matrix of more repeats them. */
const PACKED = 16;

function packed(format: QuantizedFormat, { shape, init }: ParamSpec, seed: number): QuantizedValues {
  const [output, input] = matrixShape(shape);
  const drawn = [Math.min(PACKED, output), input] as const;
  const some = quantize(init(drawn, rng(seed)), drawn, format);
  const bytes = new Uint8Array(packedBytes(format, [output, input]));
  for (let at = 0; at < bytes.length; at += some.bytes.length) bytes.set(some.bytes.subarray(0, bytes.length - at), at);
  const scales =
    some.scales && Float32Array.from({ length: output }, (_, row) => some.scales![row % drawn[0]] as number);
  return { format, shape: [output, input], bytes, scales };
}
