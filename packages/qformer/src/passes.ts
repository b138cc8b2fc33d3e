import { additiveMask, type KeyValue } from '@blip2/attention';
import * as tf from '@tensorflow/tfjs';
import type { QFormerConfig } from './config.js';
import { embed, encode, type KeyValues, scope } from './encode.js';
import { type LayerGates, project } from './layer.js';
import { modeOf, type PassOptions } from './mode.js';
import type { QFormer } from './spec.js';

/** Padded texts: ids int32 [B,T], and the attention mask [B,T], 1 for tokens and 0 for padding. */
export interface TextInputs {
  readonly ids: tf.Tensor2D;
  readonly mask: tf.Tensor2D;
}

/** Options of `queryPass` and `matchPass`. */
export interface QueryOptions extends PassOptions {
  /** Whether to return the attention probabilities of the queries over the image. Default false. */
  attentionMaps?: boolean;
  /** Factors of the attention probabilities, one entry per layer, to differentiate by. */
  gates?: readonly LayerGates[];
}

/** Output of `queryPass`; the caller owns it. */
export interface QueryResult {
  /** [B,Q,W] */
  output: tf.Tensor3D;
  /** Keys and values [B,Q,W] of each layer, which `captionPass` reads. */
  cache: KeyValue[];
  /** Attention probabilities of each layer with cross-attention, [B,H,Q,N]; empty unless asked for. */
  attention: tf.Tensor4D[];
}

/**
 * Computes the keys and values of cross-attention for all layers. Given to several passes over the same images in place of the
 * features, they are computed once. The caller owns them.
 * @param features features of the image encoder, [I,N,D]
 */
export function encodeKeyValues(p: QFormer, config: QFormerConfig, features: tf.Tensor3D): KeyValues {
  checkFeatures(config, features);
  return scope(() => p.qformer.encoder.layer.map(({ crossattention: look }) => look && project(look, features)));
}

/**
 * Runs the queries alone over images: [B,N,D] -> [B,Q,W], for images of any size. The caller owns the result.
 * @param features features of the image encoder, [B,N,D], or `encodeKeyValues` of them
 */
export function queryPass(
  p: QFormer,
  config: QFormerConfig,
  features: tf.Tensor3D | KeyValues,
  options: QueryOptions = {},
): QueryResult {
  const mode = modeOf(options, 'query');
  return scope(() => {
    const keys = keysOf(p, config, features);
    const x = embed(p, config, { queryRows: rowsOf(keys), mode });
    const { attentionMaps, gates } = options;
    const queries = { x, queries: config.queries, images: { keys }, remember: true };
    return encode(p, config, { ...queries, attentionMaps, gates, mode });
  });
}

const keysOf = (p: QFormer, config: QFormerConfig, features: tf.Tensor3D | KeyValues): KeyValues =>
  features instanceof tf.Tensor ? encodeKeyValues(p, config, features) : features;

/** The number of images; the first layer always has cross-attention. */
const rowsOf = ([first]: KeyValues): number => first?.key.shape[0] ?? 0;

/** Runs `queryPass` and gives only its output, [B,Q,W], which the caller owns. */
export function queryOutput(
  p: QFormer,
  config: QFormerConfig,
  features: tf.Tensor3D | KeyValues,
  options: PassOptions = {},
): tf.Tensor3D {
  return tf.tidy(() => queryPass(p, config, features, options).output); // [B,Q,W]
}

/** Runs texts alone under a bidirectional mask: -> [B,T,W], which the caller owns. */
export function textPass(p: QFormer, config: QFormerConfig, texts: TextInputs, options: PassOptions = {}): tf.Tensor3D {
  checkTexts(texts);
  const mode = modeOf(options, 'text');
  return tf.tidy(() => {
    const x = embed(p, config, { ids: texts.ids, mode });
    return encode(p, config, { x, queries: 0, mask: additiveMask(texts.mask), mode }).output; // [B,T,W]
  });
}

/** Input of `matchPass`: texts and the images that they are matched with. */
export interface MatchInput extends TextInputs {
  /** Features of the image encoder, [I,N,D], or `encodeKeyValues` of them. */
  readonly features: tf.Tensor3D | KeyValues;
  /** int32 [B]: the image of each row. Default: image b for row b. */
  readonly imageIndex?: tf.Tensor1D;
}

/** Runs queries and texts under a bidirectional mask over images: -> output [B,Q,W] of the queries, for `itmLogits`. */
export function matchPass(
  p: QFormer,
  config: QFormerConfig,
  input: MatchInput,
  options: QueryOptions = {},
): Omit<QueryResult, 'cache'> {
  return scope(() => {
    const { output, attention } = together(p, config, input, { ...options, queriesOnly: true });
    return { output, attention };
  });
}

/**
 * Runs queries and texts under a bidirectional mask over images, as `matchPass` does, and gives the rows of both, which the
 * caller owns. Losses that take queries and texts apart (ITC) see through it what each reads of the other: ablations only.
 * @returns `queries` [B,Q,W] and `text` [B,T,W]
 */
export function jointPass(
  p: QFormer,
  config: QFormerConfig,
  input: MatchInput,
  options: PassOptions = {},
): { queries: tf.Tensor3D; text: tf.Tensor3D } {
  const { queries: Q, hiddenSize: W } = config;
  const [B, T] = input.ids.shape;
  return scope(() => {
    const { output } = together(p, config, input, options);
    return { queries: tf.slice(output, [0, 0, 0], [B, Q, W]), text: tf.slice(output, [0, Q, 0], [B, T, W]) };
  });
}

function together(
  p: QFormer,
  config: QFormerConfig,
  input: MatchInput,
  { attentionMaps, gates, queriesOnly = false, ...options }: QueryOptions & { queriesOnly?: boolean },
) {
  const { ids, mask, features, imageIndex: index } = input;
  const [B] = checkTexts(input);
  const mode = modeOf(options, 'match');
  const { queries } = config;
  const keys = keysOf(p, config, features);
  checkRows(B, index?.shape[0] ?? rowsOf(keys));
  const x = embed(p, config, { queryRows: B, ids, mode });
  const keep = tf.concat([tf.ones([B, queries]), tf.cast(mask, 'float32')], 1); // [B,Q+T]
  const rows = { x, queries, mask: additiveMask(keep), images: { keys, index } };
  return encode(p, config, { ...rows, queriesOnly, attentionMaps, gates, mode });
}

/** Input of `captionPass`. */
export interface CaptionInput extends TextInputs {
  /** The cache of `queryPass` over the images of these texts. */
  readonly cache: readonly KeyValue[];
}

/** Options of `captionPass`. */
export interface CaptionOptions extends PassOptions {
  /** Whether a token attends only to those up to itself. Default true; false shows it what it is to predict: ablations only. */
  causal?: boolean;
}

/**
 * Runs texts under a causal mask, each token attending to the queries through their cached keys and values: -> [B,T,W], for
 * `itgLogits`. Gradients flow through the cache to the queries.
 * @param input texts that begin with [DEC], see `captionIds`
 */
export function captionPass(
  p: QFormer,
  config: QFormerConfig,
  input: CaptionInput,
  { causal = true, ...options }: CaptionOptions = {},
): tf.Tensor3D {
  const { ids, mask, cache } = input;
  const [B] = checkTexts(input);
  const rows = cache[0]?.key.shape[0];
  checkRows(B, rows ?? 0);
  const mode = modeOf(options, 'caption');
  return tf.tidy(() => {
    const x = embed(p, config, { ids, mode });
    const keep = tf.concat([tf.ones([B, config.queries]), tf.cast(mask, 'float32')], 1); // [B,Q+T]
    return encode(p, config, { x, queries: 0, mask: additiveMask(keep), causal, past: cache, mode }).output;
  }); // [B,T,W]
}

/**
 * Computes `queryPass` and `captionPass` in one sequence under the mask of UniLM (Dong et al. 2019): queries attend to
 * queries, a token to queries and the tokens up to itself. -> [B,T,W]
 */
export function captionSinglePass(
  p: QFormer,
  config: QFormerConfig,
  input: TextInputs & { readonly features: tf.Tensor3D },
  options: PassOptions = {},
): tf.Tensor3D {
  const { ids, mask, features } = input;
  const [B, T] = checkTexts(input);
  checkRows(B, features.shape[0]);
  const { queries: Q, hiddenSize: W } = config;
  const mode = modeOf(options, 'single');
  return tf.tidy(() => {
    const x = embed(p, config, { queryRows: B, ids, mode });
    const present = tf.concat([tf.ones([B, Q]), tf.cast(mask, 'float32')], 1); // [B,Q+T]
    const keep = tf.mul(uniLmKeep(Q, T), tf.expandDims(present, 1)); // [B,Q+T,Q+T]
    const keys = encodeKeyValues(p, config, features);
    const { output } = encode(p, config, { x, queries: Q, mask: additiveMask(keep), images: { keys }, mode });
    return tf.slice(output, [0, Q, 0], [B, T, W]); // [B,T,W]
  });
}

/** 1 where a row may attend to a column: [Q+T,Q+T]. */
function uniLmKeep(Q: number, T: number): tf.Tensor2D {
  const L = Q + T;
  const values = Float32Array.from({ length: L * L }, (_, i) => {
    const [row, column] = [Math.floor(i / L), i % L];
    return column < Q || (row >= Q && column <= row) ? 1 : 0;
  });
  return tf.tensor2d(values, [L, L]);
}

function checkFeatures(config: QFormerConfig, features: tf.Tensor): void {
  if (features.rank === 3 && features.shape[2] === config.encoderWidth) return;
  throw new Error(
    `The Q-Former reads image features [B,N,${config.encoderWidth}], not [${features.shape}]; check encoderWidth and the encoder.`,
  );
}

function checkTexts({ ids, mask }: TextInputs): [B: number, T: number] {
  if (ids.rank !== 2 || ids.shape.join() !== mask.shape.join()) {
    throw new Error(`Texts need ids [B,T] and a mask of the same shape, not [${ids.shape}] and [${mask.shape}].`);
  }
  return ids.shape;
}

function checkRows(texts: number, images: number): void {
  if (texts !== images) throw new Error(`There are ${texts} texts for ${images} images; give one text an image.`);
}
