import { normal, rng } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/** Times of a piece of work on two devices, in milliseconds. */
export interface Measurement {
  readonly work: string;
  readonly wasm: number;
  readonly webgpu: number;
}

interface Work {
  readonly name: string;
  readonly rows: number;
  readonly width: number;
  readonly products: number;
}

/** The products of a token of a language model, many small ones that follow each other, and of an image encoder's layer. */
const works: readonly Work[] = [
  { name: '12 products of 1x1024 by 1024x1024', rows: 1, width: 1024, products: 12 },
  { name: '4 products of 257x768 by 768x768', rows: 257, width: 768, products: 4 },
];

/** A device that is so many times slower at the first work is not measured at the second: in software it would take minutes. */
const HOPELESS = 4;

const RUNS = 3;

/** Milliseconds of a piece of work, read back: the least of a few runs after a first one, which compiles. */
async function time({ rows, width, products }: Work): Promise<number> {
  const [x, weight] = tf.tidy(() => [
    tf.tensor2d(normal(1)([rows, width], rng(1)), [rows, width]),
    tf.tensor2d(normal(width ** -0.5)([width, width], rng(2)), [width, width]),
  ]) as [tf.Tensor2D, tf.Tensor2D];
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run <= RUNS; run++) {
    const start = performance.now();
    const y = tf.tidy(() => {
      let y = x;
      for (let i = 0; i < products; i++) y = tf.matMul(y, weight, false, true);
      return y;
    });
    await y.data();
    if (run > 0) least = Math.min(least, performance.now() - start);
    y.dispose();
  }
  tf.dispose([x, weight]);
  return least;
}

/**
 * Times a few products, with reading them back, on the backend `wasm` and on webgpu, one of which is set then. Where webgpu is
 * hopelessly slow at the first, there is no second.
 */
export async function measure(wasm: string): Promise<Measurement[]> {
  const measured: Measurement[] = [];
  for (const work of works) {
    await tf.setBackend(wasm);
    const first = await time(work);
    await tf.setBackend('webgpu');
    const second = await time(work);
    measured.push({ work: work.name, wasm: first, webgpu: second });
    if (second > HOPELESS * first) break;
  }
  return measured;
}
