import { additiveMask, attend } from '@blip2/attention';
import { layerNorm, linear, normal, type QuantizedFormat, quantize, quantizedMatrix, rng } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';

/** The largest difference of a value that passes, as a share of the largest magnitude of its tensor; rounding makes a hundredth of it. */
const TOLERANCE = 1e-3;

interface Case {
  /** What is wrong where it fails, in a sentence: '… gives'. */
  readonly name: string;
  readonly run: (backend: string) => tf.Tensor[];
}

const random = (shape: number[], seed: number): tf.Tensor => tf.tensor(normal(1)(shape, rng(seed)), shape, 'float32');

/** Products of the shapes for which TensorFlow.js has shaders of their own: of one row, of long sums, odd sizes, and whole tiles. */
const products: Case = {
  name: 'a matrix product',
  run: () => [
    tf.matMul(random([1, 1200], 1) as tf.Tensor2D, random([33, 1200], 2) as tf.Tensor2D, false, true),
    tf.matMul(random([37, 53], 3) as tf.Tensor2D, random([53, 29], 4) as tf.Tensor2D),
    tf.matMul(random([96, 64], 5) as tf.Tensor2D, random([96, 128], 6) as tf.Tensor2D, true, false),
    tf.matMul(random([3, 40, 64], 7) as tf.Tensor3D, random([3, 64, 72], 8) as tf.Tensor3D),
  ],
};

const layers: Case = {
  name: 'a layer',
  run: () => {
    const x = random([20, 96], 9);
    const norm = { weight: random([96], 10) as tf.Tensor1D, bias: random([96], 11) as tf.Tensor1D };
    const normed = layerNorm(norm, x, 1e-5);
    const weight = random([48, 96], 12) as tf.Tensor2D;
    return [
      normed,
      tf.softmax(x),
      linear({ weight, bias: random([48], 13) as tf.Tensor1D }, x, { activation: 'gelu' }),
    ];
  },
};

const attention: Case = {
  name: 'attention',
  run: () => {
    const [q, k, v] = [random([2, 20, 48], 14), random([2, 35, 48], 15), random([2, 35, 48], 16)];
    const kept = tf.tensor2d(
      Array.from({ length: 70 }, (_, i) => (i % 35 < 30 || i > 35 ? 1 : 0)),
      [2, 35],
    );
    const f = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor =>
      attend(q, k, v, { heads: 3, causal: true, mask: additiveMask(kept) });
    return [f(q, k, v), ...tf.grads(f)([q, k, v], random([2, 20, 48], 17))];
  },
};

/** Many rows, few of them, and the gradient. The wasm kernels round x for packed weights, and are given the weights unpacked. */
const packedProduct = (format: QuantizedFormat): Case => ({
  name: `a product with ${format} weights`,
  run: (backend) => {
    const packed = quantizedMatrix(quantize(normal(1)([40, 128], rng(18)), [40, 128], format));
    const weight = backend === 'webgpu' ? packed : tf.tensor(packed.dataSync(), [40, 128]);
    const x = random([24, 128], 19);
    const product = (x: tf.Tensor): tf.Tensor => linear({ weight }, x);
    const rows = (y: tf.Tensor): tf.Tensor => tf.slice(y, [0, 0], [3, -1]);
    try {
      const few = backend === 'webgpu' ? product(rows(x)) : rows(product(x));
      return [product(x), few, tf.grad(product)(x, random([24, 40], 20))];
    } finally {
      packed.dispose();
    }
  },
});

const cases: readonly Case[] = [products, layers, attention, packedProduct('I8'), packedProduct('Q4_0')];

async function valuesOn(backend: string, { run }: Case): Promise<Float32Array[]> {
  await tf.setBackend(backend);
  const out = tf.tidy(() => run(backend));
  try {
    return await Promise.all(out.map((x) => x.data() as Promise<Float32Array>));
  } finally {
    tf.dispose(out);
  }
}

const largest = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** The first value that differs too much, as a text. */
function differing(mine: Float32Array, right: Float32Array): string | undefined {
  const limit = TOLERANCE * largest(right);
  const at = right.findIndex((x, i) => !(Math.abs(x - (mine[i] as number)) <= limit));
  return at < 0 ? undefined : `gives ${mine[at]} for ${right[at]}`;
}

/** What WebGPU reports while `f` runs. */
async function errorsOf({ device }: WebGPUBackend, f: () => Promise<void>): Promise<string | undefined> {
  const filters = ['validation', 'out-of-memory', 'internal'] as const;
  for (const filter of filters) device.pushErrorScope(filter);
  let thrown: unknown;
  await f().catch((error: unknown) => {
    thrown = error;
  });
  const found = [];
  for (const _ of filters) found.push(await device.popErrorScope());
  if (thrown) throw thrown;
  return found.find((error) => error)?.message;
}

/**
 * Computes a few products, layers, attention and products with packed weights with the kernels of two backends, and compares
 * them: WebGPU may give wrong numbers without an error.
 * @param wasm the name of the backend that is right
 * @returns what was wrong, or undefined; the backend in use is then webgpu's or the other
 */
export async function selfCheck(backend: WebGPUBackend, wasm: string): Promise<string | undefined> {
  for (const one of cases) {
    const right = await valuesOn(wasm, one);
    let mine: Float32Array[] = [];
    try {
      const reported = await errorsOf(backend, async () => {
        mine = await valuesOn('webgpu', one);
      });
      if (reported) return `${one.name} fails: ${reported}`;
    } catch (error) {
      return `${one.name} fails: ${error instanceof Error ? error.message : String(error)}`;
    }
    const wrong = right.map((values, i) => differing(mine[i] as Float32Array, values)).find((text) => text);
    if (wrong) return `${one.name} ${wrong}`;
  }
  return undefined;
}
