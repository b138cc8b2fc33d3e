import { freemem, totalmem } from 'node:os';
import type { HeapStatistics } from '@blip2/backend-simd';
import * as tf from '@tensorflow/tfjs';
import type { MemoryPlan } from './memory.js';

/** How much room there is for a model, in bytes. */
export interface Room {
  /** Of the running backend's heap, where it has one of its own: what may still be taken, and what of it the system has given. */
  readonly heap?: { readonly free: number; readonly given: number } | undefined;
  /** What the system can still give to this process. */
  readonly system: number;
}

/** The room there is now, on the running backend. */
export function roomNow(): Room {
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
 * Refuses a model that cannot fit, before any of it is read.
 * @throws one sentence with the sum, what there is, and what to do
 */
export function expectRoom(origin: string, plan: MemoryPlan, { heap, system }: Room = roomNow()): void {
  const sum = `${origin} needs ${sumText(plan)}`;
  const fitsOutside = plan.total <= system;
  if (heap && plan.inBlocks > heap.free) {
    const blocks = plan.total > heap.free ? '' : ` (${gigabytes(plan.inBlocks)} in its blocks)`;
    const remedy = fitsOutside
      ? 'take the cpu backend, which has no such heap but is very slow, or a smaller model'
      : SMALLER;
    throw new Error(
      `${sum}${blocks}, but the heap of the simd backend has room for ${gigabytes(heap.free)}; ${remedy}.`,
    );
  }
  // Pages that the heap already has are not asked of the system again; what is read is copied into it.
  const asked = heap ? plan.inBlocks + plan.largest - heap.given : plan.total;
  if (asked > system) throw new Error(`${sum}, but this machine has ${gigabytes(system)} free; ${SMALLER}.`);
}

const SMALLER = 'take a smaller model, or a machine with more memory';

/** `vision 3.9 GB + Q-Former 0.4 GB + … = 15.6 GB`. */
export function sumText({ parts, working, total }: MemoryPlan): string {
  const terms = Object.entries(parts).map(([name, bytes]) => `${name} ${gigabytes(bytes)}`);
  if (working > 0) terms.push(`${gigabytes(working)} to work with`);
  return terms.length > 1 ? `${terms.join(' + ')} = ${gigabytes(total)}` : `${terms.join('')}`;
}

/** Of 1000³ bytes; small numbers as megabytes. */
const gigabytes = (bytes: number): string =>
  bytes < 1e8 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
