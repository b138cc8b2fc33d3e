import { freemem, totalmem } from 'node:os';
import { blockSize, type HeapStatistics } from '@blip2/backend-simd';
import * as tf from '@tensorflow/tfjs';
import type { MemoryPlan } from './memory.js';

/** How much room there is for a model, in bytes. */
export interface MemoryBudget {
  /** Of the running backend's heap, where it has one of its own: what may still be taken, and what of it the system has given. */
  readonly heap?: { readonly free: number; readonly given: number } | undefined;
  /** What the system can still give to this process. */
  readonly system: number;
}

/** The room there is now, on the running backend. */
export function memoryBudget(): MemoryBudget {
  const { heap } = tf.memory() as { heap?: HeapStatistics };
  return {
    ...(heap && { heap: { free: heap.limit - heap.live, given: heap.size - heap.live } }),
    system: systemRoom(),
  };
}

/** What is available, or less where a control group or container is allowed less. */
function systemRoom(): number {
  const allowed = process.constrainedMemory();
  const left = allowed > 0 && allowed < totalmem() ? allowed - process.memoryUsage.rss() : Number.POSITIVE_INFINITY;
  return Math.max(0, Math.min(freemem(), left));
}

/**
 * Where a model's numbers go. With a heap of its own the backend may have too little room for the frozen parts: what is not
 * given blocks there stays outside as the file has it, and is lent to the kernels that read it, which takes time.
 */
export interface Placement {
  /** Bytes of the heap's blocks for the parts that may stay outside; undefined where all of the model is inside. */
  readonly inside?: { readonly vision: number; readonly language: number };
}

/** What `findRoom` is told besides the plan. */
export interface PlacementOptions {
  /** Default: what there is now. */
  readonly budget?: MemoryBudget | undefined;
  /** Bytes of the frozen parts in the form that the file has them in. Without it they cannot stay outside. */
  readonly stored?: { readonly vision: number; readonly language: number } | undefined;
}

/**
 * Finds room for a model, before any of it is read.
 * @throws one sentence with the sum, what there is, and what to do, for a model that cannot fit
 */
export function placeModel(origin: string, plan: MemoryPlan, options: PlacementOptions = {}): Placement {
  const { budget: { heap, system } = memoryBudget(), stored } = options;
  const refusal = (but: string): Error =>
    new Error(`${origin} needs ${memorySum(plan)}, but ${but}; take a smaller model, or a machine with more memory.`);
  if (!heap || plan.inBlocks <= heap.free) {
    // Pages that the heap already has are not asked of the system again; what is read is copied into it.
    const asked = heap ? plan.inBlocks + plan.largest - heap.given : plan.total;
    if (asked > system) throw refusal(`this machine has ${gigabytes(system)} free`);
    return {};
  }
  const placed = stored && partlyInside(plan, heap.free, stored);
  if (!placed) throw refusal(`the heap of the simd backend has room for ${gigabytes(heap.free)}`);
  const asked = placed.memory - heap.given;
  if (asked > system) {
    const all = `even in the file's precision, ${gigabytes(asked)}, it is more than the ${gigabytes(system)}`;
    throw refusal(`${all} that are free here`);
  }
  return { inside: placed.inside };
}

/**
 * How much of the frozen parts a heap too small for all of them takes: first of the language model, which is read for
 * every token, then of the image encoder; and the memory that these, the rest outside and the other parts take together.
 * Undefined where the heap has no room even for the other parts.
 */
function partlyInside(plan: MemoryPlan, free: number, stored: NonNullable<PlacementOptions['stored']>) {
  const { vision = 0, 'language model': language = 0 } = plan.blocks;
  const always = plan.inBlocks - vision - language + 2 * blockSize(plan.lent); // a kernel is lent one matrix, and packs it
  const left = free - always;
  if (left < 0) return undefined;
  const inside = { language: Math.min(left, language), vision: Math.min(Math.max(0, left - language), vision) };
  const outside =
    stored.language * (1 - inside.language / (language || 1)) + stored.vision * (1 - inside.vision / (vision || 1));
  return { inside, memory: always + inside.language + inside.vision + outside };
}

/** `vision 3.9 GB + Q-Former 0.4 GB + … = 15.6 GB`. */
export function memorySum({ parts, working, total }: MemoryPlan): string {
  const terms = Object.entries(parts).map(([name, bytes]) => `${name} ${gigabytes(bytes)}`);
  if (working > 0) terms.push(`${gigabytes(working)} to work with`);
  return terms.length > 1 ? `${terms.join(' + ')} = ${gigabytes(total)}` : `${terms.join('')}`;
}

/** Of 1000³ bytes; small numbers as megabytes. */
const gigabytes = (bytes: number): string =>
  bytes < 1e8 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
