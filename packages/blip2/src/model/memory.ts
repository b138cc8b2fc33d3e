import { blockSize } from '@blip2/backend-simd';
import { type Shape, sizeOf, specLeaves } from '@blip2/tensor';
import { visionTokens, visionWorking } from '@blip2/vision';
import { isExternal, type ModelConfig } from './config.js';
import type { PartSpecs } from './specs.js';

/** The parts of a file, as people call them. */
const partNames = { vision: 'vision', trained: 'Q-Former', language: 'language model' } as const;
export type MemoryPart = (typeof partNames)[keyof typeof partNames] | 'weights';

/** What a model needs of memory, in bytes, before any of it is read. */
export interface MemoryPlan {
  /** Of the parameters as float32. */
  readonly parts: Readonly<Partial<Record<MemoryPart, number>>>;
  /** The same as blocks of the simd backend's heap, which are up to an eighth larger than what they hold. */
  readonly blocks: Readonly<Partial<Record<MemoryPart, number>>>;
  /** What the largest step of describing one picture takes besides, as an estimate. */
  readonly working: number;
  /** All parts and `working`. */
  readonly total: number;
  /** The same in the simd backend's heap. */
  readonly inBlocks: number;
  /** The largest tensor: it is held twice while it is copied to where it stays. */
  readonly largest: number;
  /** The largest tensor of the frozen parts: a kernel is lent a copy of it where these are outside the heap. */
  readonly lent: number;
}

/** The memory plan of a model's parts; parts of the user's own are theirs to plan for. Nothing is allocated. */
export function memoryPlan(specs: PartSpecs, model: ModelConfig): MemoryPlan {
  const shapes = Object.entries(partNames).flatMap(([key, name]) => {
    const spec = specs[key as keyof PartSpecs];
    return spec ? [[name, specLeaves(spec).map(([, leaf]) => leaf.shape)] as const] : [];
  });
  return planned(shapes, Math.max(visionWork(model), qformerWork(model), languageWork(model)));
}

/** The plan of weights of which nothing else is known. */
export const weightsPlan = (shapes: readonly Shape[]): MemoryPlan => planned([['weights', shapes]], 0);

function planned(shapes: readonly (readonly [MemoryPart, readonly Shape[]])[], working: number): MemoryPlan {
  const sizes = shapes.flatMap(([, each]) => each.map(bytesOf));
  const sums = (size: (bytes: number) => number) =>
    Object.fromEntries(shapes.map(([name, each]) => [name, sum(each.map((shape) => size(bytesOf(shape))))]));
  return {
    parts: sums((bytes) => bytes),
    blocks: sums(blockSize),
    working,
    total: sum(sizes) + working,
    inBlocks: sum(sizes.map(blockSize)) + working,
    largest: Math.max(0, ...sizes),
    lent: Math.max(0, ...shapes.flatMap(([name, each]) => (name === partNames.trained ? [] : each.map(bytesOf)))),
  };
}

const BYTES = 4;
const bytesOf = (shape: Shape): number => BYTES * sizeOf(shape);
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function visionWork({ vision }: ModelConfig): number {
  return isExternal(vision) ? 0 : BYTES * visionWorking(vision);
}

/** What all layers read of a picture, and one layer's inside. */
function qformerWork({ vision, qformer }: ModelConfig): number {
  const { layers, crossAttentionFrequency: every, hiddenSize: W, queries: Q, intermediateSize: I } = qformer;
  const tokens = isExternal(vision) ? 0 : visionTokens(vision);
  return BYTES * (Math.ceil(layers / every) * 2 * tokens * W + Q * (7 * W + 2 * I));
}

/** The usual text: 5 beams, 64 tokens of prompt and 64 new ones. */
const USUAL = { rows: 5, prompt: 64, made: 64 };

/**
 * The cache of the usual text, one layer's inside over its prompt, and the scores of its next tokens. An encoder reads the
 * prompt once; its keys and values are there for every text, in each layer of the decoder.
 */
function languageWork({ language, qformer }: ModelConfig): number {
  if (!language || isExternal(language)) return 0;
  const { hiddenSize: W, ffnSize: F, vocabSize: V } = language;
  const [layers, wide] =
    'decoderLayers' in language
      ? [language.decoderLayers, language.heads * language.headSize]
      : [language.layers, language.hiddenSize];
  const prompt = qformer.queries + USUAL.prompt;
  const cache = 2 * layers * USUAL.rows * (prompt + USUAL.made) * wide;
  return BYTES * (cache + prompt * (3 * W + 4 * wide + 3 * F) + 4 * USUAL.rows * V);
}
