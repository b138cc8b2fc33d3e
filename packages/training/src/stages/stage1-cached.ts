import type { KeyValue } from '@blip2/attention';
import { type KeyValues, matchRows, type QFormerConfig, type TextInputs } from '@blip2/qformer';
import { type Flat, hash } from '@blip2/tensor';
import {
  type BatchContexts,
  type Communicator,
  type ContextInput,
  type GradCacheLoss,
  gatherBatches,
} from '@blip2/trainer';
import * as tf from '@tensorflow/tfjs';
import { weighedSum } from './ablation.js';
import type { Stage1Params } from './specs.js';
import {
  captionLoss,
  contrastPairs,
  drawNegatives,
  encodePairs,
  matchLoss,
  type Stage1Batch,
  type Stage1Options,
  type Stage1Terms,
} from './stage1.js';
import { keyValues } from './vision-norm.js';

/** Pairs whose images are still pixels, [B,H,W,3], which are encoded within the step. */
export type Stage1PixelBatch = Omit<Stage1Batch, 'features'> & { readonly pixels: tf.Tensor4D };

type Pairs = Stage1Batch | Stage1PixelBatch;

/** How pairs are encoded by the current tensors. */
export interface Stage1Model {
  readonly config: QFormerConfig;
  /** Gives the parameters of stage 1. */
  params(trainable: Flat): Stage1Params;
  /** Gives the features of images, [B,N,D], of features or pixels. */
  features(images: tf.Tensor, trainable: Flat, seed: number): tf.Tensor3D;
}

/** What a batch needs of the others. */
interface Context {
  /** Images with which the batch's texts do not match, [B,...], as the batches have them. */
  readonly images: () => tf.Tensor;
  /** Texts that do not match the batch's images. */
  readonly texts: () => TextInputs;
  /** The share of the pairs of all batches that the batch has. */
  readonly pairs: number;
  /** Its share of the tokens that captions predict. */
  readonly tokens: number;
}

/**
 * The losses of the first stage over all batches of an update, equal to those of one large batch: ITC compares all pairs, and
 * the hard negatives of ITM are drawn from all of them. Its images are encoded again where they are negatives.
 */
export function stage1Cached(
  { config, params, features: featuresOf }: Stage1Model,
  options: Omit<Stage1Options, 'seed'>,
): GradCacheLoss<Pairs, Context, Stage1Terms> {
  return {
    encode({ trainable, batch, seed }) {
      const p = params(trainable);
      const { ids, mask, imageIds } = batch;
      if (batch.negativeIds) {
        throw new Error(
          'Additional negative texts belong to one batch; train in one process without gradCache, or give none.',
        );
      }
      const own = { ...options, seed };
      const encoded = encodePairs(
        p,
        config,
        { ids, mask, features: featuresOf(imagesOf(batch), trainable, seed) },
        own,
      );
      return {
        features: { image: encoded.image, text: encoded.text },
        labels: { imageIds, tokens: targetsOf(ids, options.pad) },
        losses({ images, texts, pairs, tokens }) {
          const itg = tf.mul(captionLoss(p, config, { ids, mask, cache: encoded.cache }, own), tokens) as tf.Scalar;
          const others = keyValues(p, config, featuresOf(images(), trainable, hash(seed, 'negatives')));
          const rows = rowsOf({ ids, mask }, texts(), options.pad);
          const features = bothKeys(encoded.keys, others);
          const itm = tf.mul(matchLoss(p, config, { ...rows, features }, own), pairs) as tf.Scalar;
          return { total: weighedSum({ itg, itm }, options.ablation), itm, itg };
        },
      };
    },
    compare({ features, labels, trainable }) {
      const { loss } = contrastPairs(pairsOf(features, labels), params(trainable).temp as tf.Scalar, options);
      return { total: weighedSum({ itc: loss }, options.ablation), itc: loss };
    },
    context: (input) => contexts(input, { ...options, temperature: params(input.trainable).temp as tf.Scalar }),
  };
}

const imagesOf = (batch: Pairs): tf.Tensor => ('pixels' in batch ? batch.pixels : batch.features);

const pairsOf = ({ image, text }: Flat, { imageIds }: Flat) => ({
  image: image as tf.Tensor3D,
  text: text as tf.Tensor2D,
  imageIds: imageIds as tf.Tensor1D,
});

/** The number of tokens that a caption's decoder predicts: all but the first and the padding. int32 [B] */
const targetsOf = (ids: tf.Tensor2D, pad: number): tf.Tensor =>
  tf.tidy(() => tf.sum(tf.cast(tf.notEqual(tf.slice(ids, [0, 1]), pad), 'int32'), 1));

/** The rows of ITM: images and texts of the batch are followed by their negatives, image b and text b for pair b. */
function rowsOf(own: TextInputs, others: TextInputs, pad: number) {
  const [B] = own.ids.shape;
  const texts = { ids: joined([own.ids, others.ids], pad), mask: joined([own.mask, others.mask], 0) };
  const first = (x: tf.Tensor2D): tf.Tensor2D => tf.slice(x, [0, 0], [B, -1]);
  const negative = tf.range(B, 2 * B, 1, 'int32');
  const pairs = { ids: first(texts.ids), mask: first(texts.mask) };
  return matchRows(pairs, { image: negative, text: negative }, { candidates: texts });
}

/** Concatenates rows, padded on the right to a length, by default that of the longest. */
function joined(
  parts: readonly tf.Tensor2D[],
  pad: number,
  length = Math.max(...parts.map(({ shape }) => shape[1])),
): tf.Tensor2D {
  const padded = (part: tf.Tensor2D): tf.Tensor2D => {
    const right = [0, length - part.shape[1]] as [number, number];
    return tf.pad(part, [[0, 0], right], pad);
  };
  return tf.tidy(() => tf.concat(parts.map(padded)));
}

function bothKeys(own: KeyValues, others: KeyValues): KeyValues {
  const both = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => tf.concat([a, b]);
  return own.map((keys, i): KeyValue | undefined => {
    const more = others[i];
    return keys && more && { key: both(keys.key, more.key), value: both(keys.value, more.value) };
  });
}

/** Draws the negatives of all pairs, and gives each batch its own. */
async function contexts(
  { features, labels, seed, batches, offsets, communicator }: ContextInput<Pairs>,
  { pad, temperature, ablation }: Pick<Stage1Options, 'pad' | 'ablation'> & { readonly temperature: tf.Scalar },
): Promise<BatchContexts<Context>> {
  const pairs = pairsOf(features, labels);
  const drawn = tf.tidy(() =>
    drawNegatives(contrastPairs(pairs, temperature, { smoothing: 0 }), pairs.imageIds, { seed, ablation }),
  );
  const { images, ids, mask } = await candidates(batches, communicator, pad);
  const dispose = (): void => tf.dispose([ids, mask, drawn.text, ...(communicator.size === 1 ? [] : images)]);
  try {
    const [image, tokens] = [await drawn.image.array(), (await labels.tokens?.array()) as number[]];
    const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
    const each = batches.map((batch, i): Context => {
      const [begin, B] = [offsets[i] as number, batch.ids.shape[0]];
      const text = (): tf.Tensor1D => tf.slice(drawn.text, [begin], [B]);
      return {
        images: () => rowsAt(images, image.slice(begin, begin + B)),
        texts: () => ({ ids: tf.gather(ids, text()), mask: tf.gather(mask, text()) }),
        pairs: B / tokens.length,
        tokens: sum(tokens.slice(begin, begin + B)) / Math.max(1, sum(tokens)),
      };
    });
    return { each, dispose };
  } catch (error) {
    dispose();
    throw error;
  } finally {
    drawn.image.dispose();
  }
}

/** Images and texts of all batches of all processes, in their order; the images of a single process are borrowed. */
async function candidates(batches: readonly Pairs[], communicator: Communicator, pad: number) {
  const length = await longestOf(batches, communicator);
  const all = async (parts: readonly tf.Tensor2D[], padding: number): Promise<tf.Tensor2D> => {
    const padded = parts.map((part) => joined([part], padding, length));
    return (await gatherBatches(padded, communicator).finally(() => tf.dispose(padded))) as tf.Tensor2D;
  };
  const ids = await all(
    batches.map((batch) => batch.ids),
    pad,
  );
  const mask = await all(
    batches.map((batch) => batch.mask),
    0,
  );
  const own = batches.map(imagesOf);
  return { ids, mask, images: communicator.size === 1 ? own : [await gatherBatches(own, communicator)] };
}

/** The length of the longest text of all processes. */
async function longestOf(batches: readonly Pairs[], communicator: Communicator): Promise<number> {
  const own = tf.tensor1d([Math.max(...batches.map(({ ids }) => ids.shape[1]))], 'int32');
  const all = await communicator.allGather(own).finally(() => own.dispose());
  return Math.max(...(await all.data().finally(() => all.dispose())));
}

/** Rows of several tensors, counted through all of them. */
function rowsAt(tensors: readonly tf.Tensor[], indices: readonly number[]): tf.Tensor {
  const row = (index: number): tf.Tensor => {
    let at = index;
    const tensor = tensors.find(({ shape }) => {
      const inside = at < (shape[0] as number);
      if (!inside) at -= shape[0] as number;
      return inside;
    }) as tf.Tensor;
    return tf.slice(tensor, at, 1);
  };
  return tf.concat(indices.map(row));
}
