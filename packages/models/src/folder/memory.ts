import { blockSize } from '@blip2/backend-simd';
import { matrixBytes, matrixShape, type Shape, sizeOf, specLeaves, type TensorDescription } from '@blip2/tensor';
import { visionTokens, visionWorking } from '@blip2/vision';
import { isExternal, type ModelConfig } from './config.js';
import { type PartSpecs, prefixes } from './specs.js';

/** The parts of a model, by their names in messages. */
const partNames = { vision: 'vision', trained: 'Q-Former', language: 'language model' } as const;
/** A part of a model whose memory is reported; `weights` where only a file of weights is known. */
export type MemoryPart = (typeof partNames)[keyof typeof partNames] | 'weights';

/** The memory that a model needs, in bytes, known before any of it is read. */
export interface MemoryPlan {
  /** Parameters of each part: packed matrices as they are, everything else as float32. */
  readonly parts: Readonly<Partial<Record<MemoryPart, number>>>;
  /** Parameters of each part as blocks of the simd backend's heap, which are up to an eighth larger than their contents. */
  readonly blocks: Readonly<Partial<Record<MemoryPart, number>>>;
  /** Estimated working memory: what the largest step of captioning one image needs besides the parameters. */
  readonly working: number;
  /** The sum of `parts` and `working`. */
  readonly total: number;
  /** The sum of `blocks` and `working`. */
  readonly inBlocks: number;
  /** The largest float32 tensor, which is held twice while it is copied into the heap. */
  readonly largest: number;
  /** The largest tensor of the frozen parts: where it is outside the heap, a kernel that reads it needs a copy. */
  readonly largestFrozen: number;
}

/** The tensors of a file by name. */
type Names = ReadonlyMap<string, TensorDescription>;

/**
 * Sums the memory that a model's parts need; external models are not included. Allocates nothing.
 * @param names of the model's file, where some of its matrices are packed
 */
export function memoryPlan(specs: PartSpecs, model: ModelConfig, names: Names = new Map()): MemoryPlan {
  const tensors = Object.entries(partNames).flatMap(([key, name]) => {
    const part = key as keyof PartSpecs;
    const spec = specs[part];
    const prefix = part === 'trained' ? undefined : prefixes[part];
    const sizes = (spec ? specLeaves(spec) : []).map(([path, { shape, packable }]) => {
      const found = packable && prefix !== undefined ? names.get(prefix + path) : undefined;
      return sizeInMemory({ shape, packed: found?.packed });
    });
    return spec ? [[name, sizes] as const] : [];
  });
  return planned(tensors, Math.max(visionWork(model), qformerWork(model), languageWork(model)));
}

/** The memory plan of a file of weights without a config. */
export const weightsPlan = (tensors: readonly Tensor[]): MemoryPlan =>
  planned([['weights', tensors.map(sizeInMemory)]], 0);

/** What of a tensor decides its size. */
type Tensor = Omit<TensorDescription, 'dtype'>;

/** Bytes of a tensor in memory. */
interface Size {
  readonly bytes: number;
  readonly packed: boolean;
}

function sizeInMemory({ shape, packed }: Tensor): Size {
  if (packed === undefined) return { bytes: bytesOf(shape), packed: false };
  return { bytes: matrixBytes(packed, matrixShape(shape)), packed: true };
}

function planned(parts: readonly (readonly [MemoryPart, readonly Size[]])[], working: number): MemoryPlan {
  const sizes = parts.flatMap(([, each]) => each);
  const sums = (size: (bytes: number) => number) =>
    Object.fromEntries(parts.map(([name, each]) => [name, sum(each.map(({ bytes }) => size(bytes)))]));
  const frozen = parts.flatMap(([name, each]) => (name === partNames.trained ? [] : each));
  return {
    parts: sums((bytes) => bytes),
    blocks: sums(blockSize),
    working,
    total: sum(sizes.map(({ bytes }) => bytes)) + working,
    inBlocks: sum(sizes.map(({ bytes }) => blockSize(bytes))) + working,
    largest: Math.max(0, ...sizes.map(({ bytes, packed }) => (packed ? 0 : bytes))),
    largestFrozen: Math.max(0, ...frozen.map(({ bytes }) => bytes)),
  };
}

const BYTES = 4;
const bytesOf = (shape: Shape): number => BYTES * sizeOf(shape);
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Encoding one image; see `visionWorking`. */
function visionWork({ vision }: ModelConfig): number {
  return isExternal(vision) ? 0 : BYTES * visionWorking(vision);
}

/** The keys and values of an image in all layers, and the activations of one layer. */
function qformerWork({ vision, qformer }: ModelConfig): number {
  const { layers, crossAttentionFrequency: every, hiddenSize: W, queries: Q, intermediateSize: I } = qformer;
  const tokens = isExternal(vision) ? 0 : visionTokens(vision);
  return BYTES * (Math.ceil(layers / every) * 2 * tokens * W + Q * (7 * W + 2 * I));
}

/** A typical generation: 5 beams, a prompt of 64 tokens and 64 new ones. */
const TYPICAL = { beams: 5, prompt: 64, generated: 64 };

/** The key-value cache of a typical generation, the activations of one layer over its prompt, and the logits of a step. */
function languageWork({ language, qformer }: ModelConfig): number {
  if (!language || isExternal(language)) return 0;
  const { hiddenSize: W, ffnSize: F, vocabSize: V } = language;
  const layers = 'decoderLayers' in language ? language.decoderLayers : language.layers;
  const headSize = 'headSize' in language ? language.headSize : language.hiddenSize / language.heads;
  const wide = language.heads * headSize;
  const keys = ('keyHeads' in language ? language.keyHeads : language.heads) * headSize;
  const prompt = qformer.queries + TYPICAL.prompt;
  const cache = 2 * layers * TYPICAL.beams * (prompt + TYPICAL.generated) * keys;
  return BYTES * (cache + prompt * (3 * W + 4 * wide + 3 * F) + 4 * TYPICAL.beams * V);
}
