import type { KernelCall, SimdBackend } from '@blip2/backend-simd';
import { mix } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

export interface Attributes {
  heads: number;
  keyHeads: number;
  length: number;
  scale: number;
  offset: number;
  /** Dropout of the probabilities, and its seed. */
  rate?: number;
  seed?: number;
}
export type Named = Record<'q' | 'k' | 'v', tf.TensorInfo> &
  Partial<Record<'dy' | 'mask' | 'bias' | 'rows', tf.TensorInfo>>;

/** The words of a `Problem` of assembly/problem.ts, in its order. */
const WORDS = `q k v y dq dk dv dbias mask maskB maskH maskQ maskL bias biasB biasH biasQ biasL rows starts order
  B H G group Q L C K scale seed threshold keep offset block stripe packed summed images scratch scratchStride
  s dp qt gt qr gr yr rowwise kp vp dkp dvp`.split(/\s+/);
export type Words = Record<string, number>;
export const PROBLEM_BYTES = 4 * WORDS.length;

/** Writes a problem where a kernel reads it; words that are not given are 0. */
export function writeProblem(backend: SimdBackend, pointer: number, words: Words): void {
  const integers = new Int32Array(backend.heap.buffer, pointer, WORDS.length);
  integers.set(WORDS.map((name) => words[name] ?? 0));
  const floats = new Float32Array(backend.heap.buffer, pointer, WORDS.length);
  for (const name of ['scale', 'keep']) floats[WORDS.indexOf(name)] = words[name] ?? 0;
}

/** Sizes and addends of a call, and the nanoseconds of one product on one thread, about. */
export function problemOf({ backend, inputs, attrs }: KernelCall): { words: Words; product: number } {
  const { q, k, v, dy, mask, bias } = inputs as Named;
  const { heads: H, keyHeads: G, length: L, scale, offset, rate = 0, seed = 0 } = attrs as unknown as Attributes;
  const [B, Q, D] = q.shape as [number, number, number];
  const [q0, k0, v0] = [q, k, v].map((x) => backend.pointer(x)) as [number, number, number];
  const words = {
    ...{ q: q0, k: k0, v: v0, y: dy ? backend.pointer(dy) : 0 },
    ...{ B, H, G, group: H / G, Q, L, C: k.shape[1] as number, K: D / H, scale, offset },
    ...(rate > 0 ? dropWords(rate, seed) : {}),
    ...(mask ? addend(backend, 'mask', mask) : {}),
    ...(bias ? addend(backend, 'bias', bias) : {}),
  };
  return { words, product: B * Q * L * D * 0.05 };
}

/** Which probabilities stay, as `dropout` of @blip2/tensor has it, and their factor. */
const dropWords = (rate: number, seed: number): Words => ({
  seed: mix(seed),
  threshold: Math.min(4294967295, Math.ceil(rate * 4294967296)),
  keep: 1 / (1 - rate),
});

/** Where what broadcasts to [B,H,Q,L] lies and its strides, 0 where it broadcasts. */
function addend(backend: SimdBackend, name: string, x: tf.TensorInfo): Words {
  const steps = [...tf.util.computeStrides(x.shape), 1];
  const words: Words = { [name]: backend.pointer(x) };
  ['B', 'H', 'Q', 'L'].forEach((axis, i) => {
    words[name + axis] = x.shape[i] === 1 ? 0 : (steps[i] as number);
  });
  return words;
}

/** What a kernel keeps in scratch, beyond what all do. */
export interface Needs {
  /** Queries that one item computes at most. */
  readonly queries: number;
  readonly gradient?: boolean;
  /** Keys and values are gone through often enough by an item to be copied together first. */
  readonly packed?: boolean;
  readonly summed?: boolean;
}

/** How many queries are computed together, and what lies where in a thread's scratch. */
export function scratchOf({ L, K }: Words, needs: Needs): Words {
  const { queries, gradient = false, packed = false, summed = false } = needs;
  const block = blockOf(queries, L as number);
  const wide = Math.ceil((K as number) / 4) * 4;
  const words: Words = { block, packed: packed ? 1 : 0, summed: summed ? 1 : 0 };
  let end = 128; // after the Work of assembly/problem.ts
  const place = (name: string, floats: number): void => {
    words[name] = end;
    end += Math.ceil(floats / 16) * 64;
  };
  place('s', (L as number) * block);
  place('qt', wide * block);
  for (const name of ['qr', 'yr']) place(name, wide * block);
  place('rowwise', 4 * block);
  if (gradient) {
    place('dp', (L as number) * block);
    for (const name of ['gt', 'gr']) place(name, wide * block);
  }
  if (packed) for (const name of ['kp', 'vp']) place(name, (L as number) * (wide + 4));
  if (summed) for (const name of ['dkp', 'dvp']) place(name, (L as number) * wide);
  return { ...words, scratchStride: end };
}

/** All queries where they are few, else as many as let their scores by all keys stay in the second-level cache. */
function blockOf(queries: number, keys: number): number {
  if (queries <= 36) return Math.ceil(queries / 4) * 4;
  return keys > 2048 ? 12 : 24;
}
