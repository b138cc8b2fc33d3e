import { l2Normalize } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { SIZE } from './places.js';

/** Which of the candidates a drawing shows: shares of the drawings that have it first, and among the first five. */
export interface Recall {
  readonly r1: number;
  readonly r5: number;
}

/** The mean of each image's places, centered over all of them: [n,D]. */
export function pooled(
  images: { readonly length: number; read(i: number): Uint8Array },
  encode: (pixels: tf.Tensor4D) => tf.Tensor3D,
  centered = true,
): tf.Tensor2D {
  const parts: tf.Tensor2D[] = [];
  for (let start = 0; start < images.length; start += BATCH) {
    const count = Math.min(BATCH, images.length - start);
    const bytes = new Uint8Array(count * EACH);
    for (let i = 0; i < count; i++) bytes.set(images.read(start + i), i * EACH);
    parts.push(tf.tidy(() => tf.mean(encode(pixelsOf(bytes, count)), 1) as tf.Tensor2D));
  }
  const features = tf.tidy(() => {
    const all = tf.concat(parts);
    return (centered ? tf.sub(all, tf.mean(all, 0, true)) : all) as tf.Tensor2D;
  });
  tf.dispose(parts);
  return features;
}

const BATCH = 64;

const EACH = SIZE * SIZE * 3;

/** uint8 RGB [B,S,S,3], as the encoder's processor gives it. */
export function pixelsOf(images: Uint8Array, batch: number): tf.Tensor4D {
  const values = new Float32Array(batch * EACH);
  for (let i = 0; i < values.length; i++) values[i] = ((images[i] as number) - MEAN) / STD;
  return tf.tensor4d(values, [batch, SIZE, SIZE, 3]);
}

/** Of the bytes. */
export const MEAN = 127;
export const STD = 128;

/** Looks for each query's emoji among the candidates; row i of the candidates is that of the emoji `labels[i]` says. */
export async function recallOf(
  queries: tf.Tensor2D,
  candidates: tf.Tensor2D,
  labels: ArrayLike<number>,
): Promise<Recall> {
  const [rows, columns] = [queries.shape[0], candidates.shape[0]];
  const scores = tf.tidy(() =>
    tf.matMul(l2Normalize(queries) as tf.Tensor2D, l2Normalize(candidates) as tf.Tensor2D, false, true),
  );
  const values = (await scores.data()) as Float32Array;
  scores.dispose();
  let [r1, r5] = [0, 0];
  for (let row = 0; row < rows; row++) {
    const own = values[row * columns + (labels[row] as number)] as number;
    let above = 0;
    for (let column = 0; column < columns; column++) if ((values[row * columns + column] as number) > own) above++;
    if (above < 1) r1++;
    if (above < 5) r5++;
  }
  return { r1: r1 / rows, r5: r5 / rows };
}

/** [S,S,4], colors not multiplied by alpha -> [S,S,3] */
export function onWhite(drawing: Uint8Array): Uint8Array {
  const out = new Uint8Array((drawing.length / 4) * 3);
  for (let i = 0, o = 0; i < drawing.length; i += 4) {
    const alpha = (drawing[i + 3] as number) / 255;
    for (let c = 0; c < 3; c++) out[o++] = 255 + ((drawing[i + c] as number) - 255) * alpha + 0.5;
  }
  return out;
}
