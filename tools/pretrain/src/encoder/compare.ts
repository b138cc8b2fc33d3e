import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Emoji,
  type Vendor as EmojiVendor,
  loadEmoji,
  renderDrawings,
  retrievalCandidates,
  splits,
} from '@blip2/emoji';
import { l2Normalize } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { loadVisionEncoder, readVisionConfig } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { openDrawings } from '../drawings-file.js';
import { MOST, NONE, paint } from './paint.js';
import { PLACES, SIZE } from './places.js';
import { onWhite, pixelsOf, pooled, type Recall, recallOf } from './retrieval.js';
import { validationDrawings } from './validation.js';

/** How well a vendor's drawings find their emoji among all, among the 400 candidates, and, standing in scenes, among all. */
export interface VendorRecall {
  readonly drawings: number;
  readonly all: Recall;
  readonly candidates: Recall;
  readonly scenes: Recall;
}

type Encode = (pixels: tf.Tensor4D) => tf.Tensor3D;

/** One drawing of each of some emoji, `[S,S,4]`. */
interface Vendor {
  readonly codes: readonly string[];
  readonly read: (i: number) => Uint8Array;
}

/**
 * Holds the encoder's pooled features of vendors that it was not trained on, Noto and Firefox OS, against the mean of those
 * that BLIP-2 is trained on.
 */
export async function compareVendors(
  folder: string,
  work: string,
): Promise<{ noto: VendorRecall; firefox: VendorRecall }> {
  const source = await openSafetensors(folder);
  const encoder = await loadVisionEncoder(
    source,
    readVisionConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))),
  );
  await source.close();
  const entries = loadEmoji();
  const options = { size: SIZE, channels: 4 as const };
  const rendered = await renderDrawings(entries, { ...options, vendors: [...splits.train, ...splits.test] });
  const reader = (vendor: EmojiVendor) => (i: number) =>
    (rendered.get(vendor) as { read(i: number): Uint8Array }).read(i);
  const candidates = tf.tidy(() =>
    tf.addN(splits.train.map((vendor) => l2Normalize(look(encoder.encode, entries.length, reader(vendor))))),
  ) as tf.Tensor2D;
  const held = validationDrawings();
  const file = await openDrawings(join(work, 'validation'), held);
  const score = (vendor: Vendor): Promise<VendorRecall> =>
    scored(vendor, { entries, candidates, encode: encoder.encode });
  const result = {
    noto: await score({ codes: entries.map(({ code }) => code), read: reader('noto') }),
    firefox: await score({ codes: held.map(({ code }) => code), read: (i) => file.read(i) }),
  };
  file.close();
  for (const drawings of rendered.values()) drawings.close();
  return result;
}

const look = (encode: Encode, length: number, read: (i: number) => Uint8Array): tf.Tensor2D =>
  pooled({ length, read: (i) => onWhite(read(i)) }, encode);

async function scored(
  vendor: Vendor,
  { entries, candidates, encode }: { entries: readonly Emoji[]; candidates: tf.Tensor2D; encode: Encode },
): Promise<VendorRecall> {
  const places = new Map(entries.map(({ code }, i) => [code, i]));
  const labels = vendor.codes.map((code) => places.get(code) as number);
  const queries = look(encode, labels.length, vendor.read);
  const few = retrievalCandidates().map(({ code }) => places.get(code) as number);
  const among = labels.flatMap((label, i) => (few.includes(label) ? [i] : []));
  const part = tf.gather(queries, tf.tensor1d(among, 'int32'));
  const asked = among.map((i) => few.indexOf(labels[i] as number));
  const scenes = inScenes(vendor, encode);
  return {
    drawings: labels.length,
    all: await recallOf(queries, candidates, labels),
    candidates: await recallOf(part, tf.gather(candidates, tf.tensor1d(few, 'int32')), asked),
    scenes: await recallOf(
      scenes.features,
      candidates,
      scenes.drawings.map((i) => labels[i] as number),
    ),
  };
}

const SCENES = 512;
const BATCH = 64;

/** What is seen under each drawing of scenes. */
function inScenes({ codes, read }: Vendor, encode: Encode): { features: tf.Tensor2D; drawings: number[] } {
  const drawings: number[] = [];
  const parts: tf.Tensor2D[] = [];
  const classes = codes.map((_, i) => [i]);
  for (let start = 0; start < SCENES; start += BATCH) {
    const { images, shares, labels } = paint(classes, { read }, { batch: BATCH, seed: start, only: 'scenes' });
    parts.push(
      tf.tidy(() => {
        const seen = tf.matMul(tf.tensor3d(shares, [BATCH, MOST, PLACES]), encode(pixelsOf(images, BATCH)));
        const there = Array.from(labels, (label, at) => (label === NONE ? [] : [at])).flat();
        return tf.gather(tf.reshape(seen, [BATCH * MOST, -1]), tf.tensor1d(there, 'int32')) as tf.Tensor2D;
      }),
    );
    drawings.push(...labels.filter((label) => label !== NONE));
  }
  const all = tf.concat(parts);
  return { features: tf.sub(all, tf.mean(all, 0, true)), drawings };
}
