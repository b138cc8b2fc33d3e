import { similarity } from '@blip2/losses';
import { type Recall, recall } from '@blip2/metrics';
import { pairLogits, type RetrievalModel, repeatLast, topK } from '@blip2/models';
import { imageFeatures, queryOutput, textFeatures, textPass } from '@blip2/qformer';
import { type Communicator, singleProcess } from '@blip2/trainer';
import { normFeatures, type TextOptions, textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { joinShares, shareOf } from '../distributed.js';
import type { RetrievalData } from '../run-data.js';

/** Options of `evaluateRetrieval`. */
export interface RetrievalOptions extends TextOptions {
  /**
   * How many of the best candidates by ITC are re-ranked by ITM, for each query: `k_test` of LAVIS. With 0 the order is
   * that of ITC. Default 128.
   */
  readonly rerank?: number;
  /** Called after each batch with the number of re-ranked pairs and their total. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
  /** The processes that evaluate together, each with its share of the images; all get all scores. Default: this one alone. */
  readonly communicator?: Communicator | undefined;
}

/** Recall of retrieval in both directions, with the scores behind it. */
export interface RetrievalScores {
  /** The number of candidate texts of each image. */
  readonly candidates: number;
  /** The number of candidate images of each text. */
  readonly images: number;
  /** How many of them were re-ranked by ITM. */
  readonly rerank: number;
  /** Image-to-text retrieval. */
  readonly i2t: Recall;
  /** Text-to-image retrieval. */
  readonly t2i: Recall;
  /** Scores [image][text] of image-to-text retrieval; with re-ranking -100 for candidates that were not re-ranked. */
  readonly imageScores: Float32Array[];
  /** Scores [text][image] of text-to-image retrieval; with re-ranking -100 for candidates that were not re-ranked. */
  readonly textScores: Float32Array[];
}

const BATCH = 128;
/** The last batch is filled up to a multiple of this number, so that equal images and texts have equal scores in it too. */
const PAD = 16;
/** Batches of texts whose similarities to a batch of images are computed at once. */
const SLAB = 16;
/** The score of candidates that were not re-ranked, as in LAVIS. */
const NOT_RANKED = -100;

/**
 * Evaluates image-text retrieval as LAVIS does: candidates are ordered by ITC similarity, and the best `rerank` of each
 * query again by ITM logit + ITC similarity.
 */
export async function evaluateRetrieval(
  model: Pick<RetrievalModel, 'params' | 'config'>,
  data: RetrievalData,
  options: RetrievalOptions,
): Promise<RetrievalScores> {
  const n = data.texts.length;
  const images = imagesOf(data);
  const k = Math.min(options.rerank ?? 128, Math.max(n, images));
  const imageSims = await similarities(model, data, options); // [image][text]
  const textSims = Array.from({ length: n }, (_, text) => Float32Array.from(imageSims, (row) => row[text] as number));
  const logits = await itmLogits(model, data, { ...options, pairs: candidatePairs(imageSims, textSims, k) });
  const reranked = (sims: Float32Array, logitOf: (candidate: number) => number | undefined): Float32Array => {
    if (k === 0) return sims;
    const scores = new Float32Array(sims.length).fill(NOT_RANKED);
    for (const candidate of topK(sims, k)) {
      scores[candidate] = (logitOf(candidate) as number) + (sims[candidate] as number);
    }
    return scores;
  };
  const imageScores = imageSims.map((sims, image) => reranked(sims, (text) => logits.get(image * n + text)));
  const textScores = textSims.map((sims, text) => reranked(sims, (image) => logits.get(image * n + text)));
  const imageOf = data.imageOf ?? data.texts.map((_, text) => text);
  const textsOf = Array.from({ length: images }, (): number[] => []);
  imageOf.forEach((image, text) => {
    textsOf[image]?.push(text);
  });
  return {
    candidates: n,
    images,
    rerank: k,
    i2t: recall(imageScores, { targets: textsOf }).rowsToColumns,
    t2i: recall(textScores, { targets: imageOf }).rowsToColumns,
    imageScores,
    textScores,
  };
}

/** The number of candidate images: those of the features, or as many as texts where each describes one. */
const imagesOf = ({ features, texts, imageOf }: RetrievalData): number => (imageOf ? features.length : texts.length);

type Pair = readonly [image: number, text: number];

/** The pairs that are re-ranked in either direction, each once, ordered by image. */
function candidatePairs(imageSims: readonly Float32Array[], textSims: readonly Float32Array[], k: number): Pair[] {
  const textsOf = imageSims.map((row) => new Set(topK(row, k)));
  textSims.forEach((column, text) => {
    for (const image of topK(column, k)) textsOf[image]?.add(text);
  });
  return textsOf.flatMap((texts, image) => [...texts].map((text) => [image, text] as const));
}

/** The ITC similarity of every image and text: [image][text]. */
async function similarities(
  { params, config }: Pick<RetrievalModel, 'params' | 'config'>,
  data: RetrievalData,
  options: RetrievalOptions,
): Promise<Float32Array[]> {
  const { features, texts } = data;
  const columns: tf.Tensor2D[] = []; // [.,E] of texts
  try {
    for (const { indices, padded } of batches(texts.length)) {
      options.signal?.throwIfAborted();
      const some = padded.map((index) => texts[index] as string);
      const encode = (): tf.Tensor2D => textFeatures(params, textPass(params, config, textTensors(some, options)));
      columns.push(tf.tidy(() => tf.slice(encode(), 0, indices.length)));
    }
    const all: Float32Array[] = [];
    const { communicator = singleProcess } = options;
    for (const { indices, padded } of shareOf(batches(imagesOf(data)), communicator)) {
      options.signal?.throwIfAborted();
      const batch = await features.gather(padded);
      const sims = tf.tidy(() => {
        const rows = imageFeatures(params, queryOutput(params, config, normFeatures(params, batch))); // [b,Q,E]
        const parts = slabs(columns).map((slab) => similarity(rows, tf.concat(slab)));
        return tf.slice(tf.concat(parts, 1), 0, indices.length);
      });
      batch.dispose();
      const values = (await sims.data()) as Float32Array; // [indices,texts]
      sims.dispose();
      indices.forEach((_, i) => {
        all.push(values.slice(i * texts.length, (i + 1) * texts.length));
      });
    }
    if (communicator.size === 1) return all;
    const rows = await joinShares(
      communicator,
      all.map((row) => Array.from(row)),
      BATCH,
    );
    return rows.map((row) => Float32Array.from(row));
  } finally {
    tf.dispose(columns);
  }
}

/** Groups batches of texts: the products of all queries of a batch of images with one group fit into memory. */
const slabs = (columns: readonly tf.Tensor2D[]): tf.Tensor2D[][] =>
  Array.from({ length: Math.ceil(columns.length / SLAB) }, (_, i) => columns.slice(i * SLAB, (i + 1) * SLAB));

/** Indices below a count in batches, each also padded by its last. */
function batches(count: number): { readonly indices: number[]; readonly padded: number[] }[] {
  return Array.from({ length: Math.ceil(count / BATCH) }, (_, batch) => {
    const start = batch * BATCH;
    const indices = Array.from({ length: Math.min(BATCH, count - start) }, (_, i) => start + i);
    return { indices, padded: repeatLast(indices, PAD) };
  });
}

/** The ITM logits of pairs, by image * texts + text. Within a batch each image is encoded once. */
async function itmLogits(
  model: Pick<RetrievalModel, 'params' | 'config'>,
  { features, texts }: RetrievalData,
  {
    pairs: all,
    onProgress,
    signal,
    communicator = singleProcess,
    ...options
  }: RetrievalOptions & { pairs: readonly Pair[] },
): Promise<Map<number, number>> {
  const pairs = shareOf(all, communicator, BATCH);
  const own: number[] = [];
  for (let start = 0; start < pairs.length; start += BATCH) {
    signal?.throwIfAborted();
    const batch = pairs.slice(start, start + BATCH);
    const images = [...new Set(batch.map(([image]) => image))];
    const row = new Map(images.map((image, i) => [image, i]));
    const gathered = await features.gather(images);
    try {
      const inputs = {
        features: gathered,
        texts: batch.map(([, text]) => texts[text] as string),
        images: batch.map(([image]) => row.get(image) as number),
      };
      const matching = tf.tidy(() =>
        tf.slice(pairLogits(model, inputs, { ...options, padTo: PAD }), [0, 1], [batch.length, 1]),
      );
      const values = await matching.data();
      matching.dispose();
      own.push(...values);
    } finally {
      gathered.dispose();
    }
    onProgress?.(Math.min(start + BATCH, pairs.length), pairs.length);
  }
  const logits = await joinShares(communicator, own, BATCH);
  return new Map(all.map(([image, text], i) => [image * texts.length + text, logits[i] as number]));
}
