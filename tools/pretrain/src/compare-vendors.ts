import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { emojiDataset, loadEmoji, splits, type Vendor } from '@blip2/emoji';
import { recall } from '@blip2/metrics';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { loadVisionEncoder, readVisionConfig, type VitEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { pixelsOf } from './student.js';
import { STUDENT_SIZE } from './teach.js';

/** R@1 of each: Noto's drawing looked for among another vendor's, and among the means of the four, all emoji at once. */
export type VendorRecall = Partial<Record<Vendor | 'mean', number>>;

/** Holds the encoder's pooled features of Noto's drawings against those of the vendors that it was made from. */
export async function compareVendors(folder: string): Promise<VendorRecall> {
  const source = await openSafetensors(folder);
  const config = readVisionConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')));
  const encoder = await loadVisionEncoder(source, config);
  await source.close();
  const noto = await pooled(encoder, 'test');
  const all = await pooled(encoder, 'train');
  const n = loadEmoji().length;
  const result: VendorRecall = {};
  const found = async (candidates: tf.Tensor2D): Promise<number> => {
    const scores = tf.tidy(() => tf.matMul(unit(noto), unit(candidates), false, true));
    const values = (await scores.data()) as Float32Array;
    scores.dispose();
    return recall(values, { rows: n, columns: n }).rowsToColumns.r1;
  };
  const vendors = splits.train.map((vendor, i) => [vendor, tf.slice(all, [i * n, 0], [n, -1]) as tf.Tensor2D] as const);
  for (const [vendor, features] of vendors) result[vendor] = await found(features);
  result.mean = await found(tf.addN(vendors.map(([, features]) => unit(features))) as tf.Tensor2D);
  return result;
}

const unit = (x: tf.Tensor2D): tf.Tensor2D => tf.div(x, tf.norm(x, 2, 1, true));

/** The mean of each drawing's patches, centered over all drawings: [n,D] a vendor. */
async function pooled(encoder: VitEncoder, split: 'train' | 'test'): Promise<tf.Tensor2D> {
  const data = await emojiDataset(split, { size: STUDENT_SIZE });
  const parts: tf.Tensor2D[] = [];
  const batch = 64;
  for (let start = 0; start < data.length; start += batch) {
    const count = Math.min(batch, data.length - start);
    const bytes = new Uint8Array(count * STUDENT_SIZE * STUDENT_SIZE * 3);
    for (let i = 0; i < count; i++) bytes.set(data.get(start + i).image.data, i * STUDENT_SIZE * STUDENT_SIZE * 3);
    parts.push(
      tf.tidy(() => {
        const tokens = encoder.encode(pixelsOf([bytes], count));
        const [B, N, D] = tokens.shape;
        return tf.mean(tf.slice(tokens, [0, 1, 0], [B, N - 1, D]), 1) as tf.Tensor2D;
      }),
    );
  }
  data.close();
  return tf.tidy(() => {
    const features = tf.concat(parts);
    return tf.sub(features, tf.mean(features, 0, true)) as tf.Tensor2D;
  });
}
