import { similarity } from '@blip2/losses';
import { type Recall, recall } from '@blip2/metrics';
import { pairLogits, type RetrievalModel, topK } from '@blip2/models';
import { imageFeatures, type QFormerConfig, queryOutput, textFeatures, textPass } from '@blip2/qformer';
import type { FeatureStore, Stage1Params } from '@blip2/training';
import { normFeatures, type TextOptions, textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';

export interface RetrievalOptions extends TextOptions {
  /** How many candidates of each query are scored again by matching, the reference's `k_test`; 0: none, the order is that of contrast. Default 128. */
  readonly rerank?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface RetrievalScores {
  readonly candidates: number;
  /** From an image to its text, and from a text to its image. */
  readonly i2t: Recall;
  readonly t2i: Recall;
  /** The scores behind them, [image][text]. */
  readonly imageScores: Float32Array[];
  /** [text][image] */
  readonly textScores: Float32Array[];
}

const BATCH = 128;

/**
 * Finds the text of each image and the image of each text: by contrast first, then the best `rerank` again by
 * matching, score = matching logit + similarity (specification 2.7). Text i belongs to image i.
 */
export async function evaluateRetrieval(
  { params: p, config }: Pick<RetrievalModel, 'params' | 'config'>,
  { features, texts }: { features: FeatureStore; texts: readonly string[] },
  options: RetrievalOptions,
): Promise<RetrievalScores> {
  const n = texts.length;
  const { rerank = 128, onProgress, signal } = options;
  const k = Math.min(rerank, n);
  const sims = await contrast(p, config, { features, texts }, options); // [image][text]
  const pairs = Array.from({ length: n }, () => new Set<number>());
  const columns = Array.from({ length: n }, (_, text) => Float32Array.from(sims, (row) => row[text] as number));
  sims.forEach((row, image) => {
    for (const text of topK(row, k)) pairs[image]?.add(text);
  });
  columns.forEach((column, text) => {
    for (const image of topK(column, k)) pairs[image]?.add(text);
  });
  const list = pairs.flatMap((set, image) => [...set].map((text) => [image, text] as const));
  const logits = new Map<number, number>();
  for (let start = 0; start < list.length; start += BATCH) {
    signal?.throwIfAborted();
    const some = list.slice(start, start + BATCH);
    const scores = await match(p, config, { features, texts, pairs: some }, options);
    some.forEach(([image, text], i) => {
      logits.set(image * n + text, scores[i] as number);
    });
    onProgress?.(Math.min(start + BATCH, list.length), list.length);
  }
  const rescored = (chosen: number[], at: (candidate: number) => number, sim: Float32Array): Float32Array => {
    if (k === 0) return sim;
    const scores = new Float32Array(n).fill(UNSCORED);
    for (const candidate of chosen)
      scores[candidate] = (logits.get(at(candidate)) as number) + (sim[candidate] as number);
    return scores;
  };
  const imageScores = sims.map((row, image) => rescored(topK(row, k), (text) => image * n + text, row));
  const textScores = columns.map((column, text) => rescored(topK(column, k), (image) => image * n + text, column));
  return {
    candidates: n,
    i2t: recall(imageScores).rowsToColumns,
    t2i: recall(textScores).rowsToColumns,
    imageScores,
    textScores,
  };
}

/** Of candidates that were not scored by matching. */
const UNSCORED = -100;

interface Candidates {
  features: FeatureStore;
  texts: readonly string[];
}

/** The similarity of every image and text: [image][text]. */
async function contrast(
  p: Stage1Params,
  config: QFormerConfig,
  { features, texts }: Candidates,
  options: RetrievalOptions,
): Promise<Float32Array[]> {
  const n = texts.length;
  const made: tf.Tensor[] = [];
  const own = <T extends tf.Tensor>(tensor: T): T => {
    made.push(tensor);
    return tensor;
  };
  try {
    const images: tf.Tensor3D[] = [];
    const words: tf.Tensor2D[] = [];
    for (let start = 0; start < n; start += BATCH) {
      options.signal?.throwIfAborted();
      const places = range(start, Math.min(BATCH, n - start));
      const seen = own(await features.gather(places));
      images.push(own(tf.tidy(() => imageFeatures(p, queryOutput(p, config, normFeatures(p, seen))))));
      seen.dispose();
      const some = places.map((place) => texts[place] as string);
      words.push(own(tf.tidy(() => textFeatures(p, textPass(p, config, textTensors(some, options))))));
    }
    const sims = own(tf.tidy(() => similarity(tf.concat(images), tf.concat(words)))); // [n,n]
    const values = (await sims.data()) as Float32Array;
    return Array.from({ length: n }, (_, i) => values.slice(i * n, (i + 1) * n));
  } finally {
    tf.dispose(made);
  }
}

/** The matching logit of some pairs. Each image among them is looked at once. */
async function match(
  p: Stage1Params,
  config: QFormerConfig,
  { features, texts, pairs }: Candidates & { pairs: readonly (readonly [number, number])[] },
  options: TextOptions,
): Promise<Float32Array> {
  const places = [...new Set(pairs.map(([image]) => image))];
  const row = new Map(places.map((place, i) => [place, i]));
  const seen = await features.gather(places);
  try {
    const some = {
      features: seen,
      texts: pairs.map(([, text]) => texts[text] as string),
      images: pairs.map(([image]) => row.get(image) as number),
    };
    const scores = tf.tidy(() => {
      const logits = pairLogits({ params: p, config }, some, options);
      return tf.slice(logits, [0, 1], [pairs.length, 1]); // [pairs,1]
    });
    const values = (await scores.data()) as Float32Array;
    scores.dispose();
    return values;
  } finally {
    seen.dispose();
  }
}

const range = (start: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + i);
