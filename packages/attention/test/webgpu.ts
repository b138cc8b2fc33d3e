// Run by src/webgpu/webgpu.test.ts in a process of its own: prints what came of each case as a line of JSON.
import { additiveMask, attend, keyValueCache, registerAttentionWebgpu } from '@blip2/attention';
import { rng } from '@blip2/tensor';
import '@blip2/testing';
import { errorsOf, openDawn, report } from '@blip2/testing/webgpu';
import * as tf from '@tensorflow/tfjs';

/** An attention of random inputs. */
interface Case {
  readonly name: string;
  readonly B: number;
  /** With a mask, rows look at so many images, default B. Without one row b looks at b. */
  readonly images?: number;
  readonly H: number;
  /** Heads of keys. Default H. */
  readonly G?: number;
  readonly Q: number;
  readonly L: number;
  readonly K: number;
  /** Keys that there is room for. Default L. */
  readonly capacity?: number;
  /** The axes of the mask, as in 'B11L', or the value that hides every key. */
  readonly mask?: string | number;
  readonly causal?: boolean | { readonly offset: number };
}

/**
 * Each combination of a mask or none, rows or none and ceil(K / 32) compiles four shaders, a second or more each in
 * software. Two serve all cases: those without a mask have narrow heads and no rows, the others wide heads and rows.
 */
const cases: readonly Case[] = [
  { name: 'one tile', B: 1, H: 1, Q: 16, L: 16, K: 32 },
  { name: 'one of everything', B: 1, H: 1, Q: 1, L: 1, K: 1 },
  { name: 'odd sizes', B: 2, H: 3, Q: 19, L: 37, K: 13 },
  { name: 'causal', B: 2, H: 2, Q: 40, L: 40, K: 16, causal: true },
  { name: 'causal at an offset', B: 1, H: 2, Q: 20, L: 50, K: 8, causal: { offset: 7 } },
  { name: 'queries before all keys', B: 1, H: 2, Q: 20, L: 20, K: 8, causal: { offset: -6 } },
  { name: 'a cache with room', B: 2, H: 2, Q: 3, L: 21, K: 8, capacity: 64, causal: true },
  { name: 'shared heads of keys', B: 2, H: 6, G: 2, Q: 18, L: 21, K: 8, capacity: 32, causal: true },
  { name: 'wide heads, decoding', B: 3, H: 2, Q: 1, L: 40, K: 88, causal: true, mask: 'B11L' },
  { name: 'wide heads, pads under a causal mask', B: 2, H: 2, Q: 20, L: 36, K: 65, causal: true, mask: 'B11L' },
  { name: 'wide heads where all is hidden', B: 1, H: 1, Q: 18, L: 20, K: 88, mask: -1e9 },
  { name: 'wide heads where all is hidden, causally', B: 1, H: 1, Q: 18, L: 20, K: 88, mask: -1e9, causal: true },
  { name: 'a mask for each head', B: 2, H: 3, Q: 7, L: 18, K: 70, mask: 'HQL' },
  { name: 'rows that look at few images', B: 5, images: 2, H: 2, Q: 8, L: 50, K: 72, mask: 'B1QL' },
  { name: 'rows, and images that nobody looks at', B: 2, images: 9, H: 1, Q: 18, L: 5, K: 66, mask: '11QL' },
  {
    name: 'rows of a cache, shared heads',
    B: 3,
    images: 2,
    H: 3,
    G: 1,
    Q: 1,
    L: 16,
    K: 96,
    capacity: 32,
    causal: true,
    mask: 'B11L',
  },
];

const random = (shape: number[], seed: number): tf.Tensor => {
  const next = rng(seed);
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => 4 * next() - 2);
  return tf.tensor(values, shape);
};

/** The output and the gradients by q, k and v. */
function run({ B, images, H, G = H, Q, L, K, capacity = L, mask, causal }: Case): tf.Tensor[] {
  const I = images ?? B;
  const sizes: Record<string, number> = { B, H, Q, L, 1: 1 };
  const inputs = [random([B, Q, H * K], 1), random([I, capacity, G * K], 2), random([I, capacity, G * K], 3)];
  const looked = Int32Array.from({ length: B }, (_, b) => (images ? (b * b * 7 + 1) % images : b));
  const rows = mask === undefined ? undefined : tf.tensor1d(looked, 'int32');
  const shape = typeof mask === 'string' ? [...mask].map((axis) => sizes[axis] as number) : [B, 1, 1, L];
  const bias =
    typeof mask === 'number'
      ? tf.fill(shape, mask)
      : mask && tf.where(tf.greater(random(shape, 5), 0.5), tf.scalar(-60), random(shape, 6));
  const options = {
    heads: H,
    keyHeads: G,
    length: L,
    causal,
    ...(rows ? { rows } : {}),
    ...(bias ? { mask: bias } : {}),
  };
  const f = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor => attend(q, k, v, options);
  const dy = random([B, Q, H * K], 4);
  return [f(...(inputs as [tf.Tensor, tf.Tensor, tf.Tensor])), ...tf.grads(f)(inputs, dy)];
}

/** Attention over a cache that beams reorder, with rows that are repeated, dropped and added, past the point where it grows. */
function decode(): tf.Tensor[] {
  const cache = keyValueCache({ capacity: 6 });
  const out: tf.Tensor[] = [];
  for (const [step, parents] of [[0, 0, 1], [2, 2, 1], [0, 1, 2], [1], [0, 0, 0, 0], [3, 1]].entries()) {
    const [B, L] = [step === 0 ? 2 : cache.rows, 1 + (step % 3)];
    cache.append({ key: random([B, L, 176], step), value: random([B, L, 176], step + 10) });
    cache.reorder(parents);
    const kept = tf.tensor2d(
      Array.from({ length: cache.rows * cache.length }, (_, i) => (i % 4 ? 1 : 0)),
      [cache.rows, cache.length],
    );
    const q = random([cache.rows, 2, 176], step + 20);
    out.push(cache.attend(q, { heads: 2, causal: true, mask: additiveMask(kept) }));
  }
  cache.dispose();
  return out;
}

const works = [
  ...cases.map((one) => ({ name: one.name, f: () => run(one) })),
  { name: 'a cache that beams reorder', f: decode },
];

async function valuesOf(backend: string, f: () => tf.Tensor[]): Promise<Float32Array[]> {
  await tf.setBackend(backend);
  const out = tf.tidy(f);
  const values = await Promise.all(out.map((x) => x.data() as Promise<Float32Array>));
  tf.dispose(out);
  return values;
}

const largest = (mine: Float32Array, right: Float32Array): number =>
  right.reduce((most, x, i) => Math.max(most, Math.abs(x - (mine[i] ?? Number.NaN)) / (1 + Math.abs(x))), 0);

await report(async () => {
  const found = await openDawn();
  if ('skipped' in found) return found;
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
  await tf.setBackend('webgpu');
  const errors = errorsOf((tf.backend() as InstanceType<typeof WebGPUBackend>).device);
  await registerAttentionWebgpu(tf.backend());
  const profile = await tf.profile(() => tf.tidy(() => void run(cases[0] as Case)));
  const results = [];
  for (const { name, f } of works) {
    const right = await valuesOf('cpu', f);
    const before = tf.memory();
    const mine = await valuesOf('webgpu', f);
    const again = await valuesOf('webgpu', f);
    const { numTensors, numDataBuffers } = tf.memory();
    results.push({
      name,
      differences: mine.map((values, i) => largest(values, right[i] as Float32Array)),
      same: mine.every((values, i) => values.every((x, j) => Object.is(x, again[i]?.[j]))),
      leaked: [numTensors - before.numTensors, numDataBuffers - before.numDataBuffers],
    });
  }
  return { ...found, kernels: profile.kernelNames, results, errors };
});
