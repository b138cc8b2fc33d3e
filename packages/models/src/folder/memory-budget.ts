import { blockSize, type HeapStatistics } from '@blip2/backend-simd';
import * as tf from '@tensorflow/tfjs';
import { systemMemory } from '#system';
import type { MemoryPlan } from './memory.js';

/** The memory that is available to a model, in bytes. */
export interface MemoryBudget {
  /** The backend's own heap, where it has one: bytes that can still be allocated, and how many of them it already holds. */
  readonly heap?: { readonly free: number; readonly reserved: number } | undefined;
  /** What the system can still give to this process. */
  readonly system: number;
}

/** Measures the memory that is available now, to the backend in use. */
export function memoryBudget(): MemoryBudget {
  const { heap } = tf.memory() as { heap?: HeapStatistics };
  return {
    ...(heap && { heap: { free: heap.limit - heap.live, reserved: heap.size - heap.live } }),
    system: systemMemory(),
  };
}

/**
 * Where the weights of a model are kept. A backend with a heap of its own may be too small for the frozen parts: what does
 * not fit stays outside the heap in the file's precision, and is copied for each kernel that reads it, which is slower.
 */
export interface Placement {
  /** Bytes of the heap for each frozen part; undefined where the whole model fits into the heap. */
  readonly inHeap?: { readonly vision: number; readonly language: number };
}

/** Options of `placeModel`. */
export interface PlacementOptions {
  /** The available memory. Default: measured now. */
  readonly budget?: MemoryBudget | undefined;
  /** Bytes of the frozen parts in the file's precision. Without it they cannot stay outside the heap. */
  readonly stored?: { readonly vision: number; readonly language: number } | undefined;
}

/**
 * Decides where the weights of a model are kept, before any of it is read.
 * @throws for a model that does not fit, with the sum by part and the memory that is available
 */
export function placeModel(origin: string, plan: MemoryPlan, options: PlacementOptions = {}): Placement {
  const { budget: { heap, system } = memoryBudget(), stored } = options;
  const refusal = (but: string): Error =>
    new Error(
      `${origin} needs ${formatMemoryPlan(plan)}, but ${but}; take a smaller model, or a machine with more memory.`,
    );
  if (!heap || plan.inBlocks <= heap.free) {
    // Pages that the heap already holds are not requested again; a tensor that is read is copied into it.
    const required = heap ? plan.inBlocks + plan.largest - heap.reserved : plan.total;
    if (required > system) throw refusal(`this machine has ${gigabytes(system)} free`);
    return {};
  }
  const placed = stored && partlyInside(plan, heap.free, stored);
  if (!placed) throw refusal(`the heap of the simd backend has room for ${gigabytes(heap.free)}`);
  const required = placed.memory - heap.reserved;
  if (required > system) {
    const all = `even in the file's precision, ${gigabytes(required)}, it is more than the ${gigabytes(system)}`;
    throw refusal(`${all} that are free here`);
  }
  return { inHeap: placed.inHeap };
}

/**
 * Divides the frozen parts between a heap too small for them and the memory outside it: the language model, which is read
 * for every token, comes first, then the image encoder. `memory` is the total. Undefined where the heap is too small even
 * for the other parts.
 */
function partlyInside(plan: MemoryPlan, free: number, stored: NonNullable<PlacementOptions['stored']>) {
  const { vision = 0, 'language model': language = 0 } = plan.blocks;
  const always = plan.inBlocks - vision - language + 2 * blockSize(plan.largestFrozen); // a kernel gets a copy of one matrix, and packs it
  const remaining = free - always;
  if (remaining < 0) return undefined;
  const inHeap = {
    language: Math.min(remaining, language),
    vision: Math.min(Math.max(0, remaining - language), vision),
  };
  const outside =
    stored.language * (1 - inHeap.language / (language || 1)) + stored.vision * (1 - inHeap.vision / (vision || 1));
  return { inHeap, memory: always + inHeap.language + inHeap.vision + outside };
}

/** Formats the memory of a model by part: `vision 3.9 GB + Q-Former 0.4 GB + … = 15.6 GB`. */
export function formatMemoryPlan({ parts, working, total }: MemoryPlan): string {
  const terms = Object.entries(parts).map(([name, bytes]) => `${name} ${gigabytes(bytes)}`);
  if (working > 0) terms.push(`${gigabytes(working)} working memory`);
  return terms.length > 1 ? `${terms.join(' + ')} = ${gigabytes(total)}` : `${terms.join('')}`;
}

/** In units of 1000³ bytes, or 1000² for small numbers. */
const gigabytes = (bytes: number): string =>
  bytes < 1e8 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
