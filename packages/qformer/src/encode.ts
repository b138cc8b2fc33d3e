import type { KeyValue } from '@blip2/attention';
import { embedding, layerNorm, recompute, type Tree } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { QFormerConfig } from './config.js';
import { type LayerGates, type LayerInput, type LayerOutput, layer } from './layer.js';
import { drop, inside, type Mode } from './mode.js';
import { type Layer, need, type QFormer } from './spec.js';

/** Input of `encode`. */
export interface EncodeInput extends Omit<LayerInput, 'past' | 'images' | 'gates'> {
  /** [B,L,W], queries first; see `embed`. */
  readonly x: tf.Tensor;
  /** One entry per layer. */
  readonly past?: readonly KeyValue[] | undefined;
  /** One entry per layer. */
  readonly gates?: readonly LayerGates[] | undefined;
  readonly images?: { readonly keys: KeyValues; readonly index?: tf.Tensor1D | undefined } | undefined;
}

/** Keys and values of cross-attention, [I,N,W]: one entry per layer, undefined for layers without cross-attention. */
export type KeyValues = readonly (KeyValue | undefined)[];

/** Output of `encode`. */
export interface EncodeOutput {
  output: tf.Tensor3D;
  /** Keys and values of self-attention of each layer, where they are asked for. */
  cache: KeyValue[];
  /** Attention probabilities of each layer with cross-attention, where they are asked for. */
  attention: tf.Tensor4D[];
}

/** Runs all layers. */
export function encode(
  p: QFormer,
  config: QFormerConfig,
  { x, past, images, gates, ...input }: EncodeInput,
): EncodeOutput {
  const { layer: layers } = p.qformer.encoder;
  const cache: KeyValue[] = [];
  const attention: tf.Tensor4D[] = [];
  let y = x;
  layers.forEach((own, j) => {
    const keys = images?.keys[j];
    const out = scope(() =>
      run(own, config, y, {
        ...input,
        queriesOnly: input.queriesOnly && j === layers.length - 1,
        past: past?.[j],
        gates: gates?.[j],
        images: keys && { keys, index: images.index },
        mode: inside(input.mode, `layer.${j}`),
      }),
    );
    y = out.y;
    if (out.cache) cache.push(out.cache);
    if (out.attention) attention.push(out.attention);
  });
  return { output: y as tf.Tensor3D, cache, attention };
}

/** Runs a layer; where the mode says so, the tape keeps only its inputs. */
function run(p: Layer, config: QFormerConfig, x: tf.Tensor, input: LayerInput): LayerOutput {
  if (!input.mode.recompute || input.attentionMaps || input.gates) return layer(p, config, x, input);
  const { past, images, mask } = input;
  const inputs = { p: used(p, x, input), x, past, images, mask };
  const [y, key, value] = recompute(inputs as typeof inputs & Tree, ({ p, x, ...rest }) => {
    const out = layer(p, config, x, { ...input, ...rest });
    return [out.y, ...(out.cache ? [out.cache.key, out.cache.value] : [])];
  }) as [tf.Tensor, key?: tf.Tensor, value?: tf.Tensor];
  return { y, cache: key && value && { key, value } };
}

/** The parameters without the branch that no row takes, since unread tensors have no gradient. */
function used(p: Layer, x: tf.Tensor, { queries, queriesOnly }: LayerInput): Layer {
  const { intermediate, output, ...queryBranch } = p;
  if (queries === 0) return { attention: p.attention, intermediate, output } as Layer;
  return queriesOnly || queries === x.shape[1] ? (queryBranch as Layer) : p;
}

/** `tf.tidy` for records and lists of tensors of any type. */
export function scope<T extends object>(fn: () => T): T {
  return tf.tidy(fn as () => tf.TensorContainer) as T;
}

/** Input of `embed`. */
export interface EmbedInput {
  /** Number of rows of queries, if any. */
  readonly queryRows?: number | undefined;
  /** int32 [B,T] */
  readonly ids?: tf.Tensor2D | undefined;
  /** The position of the first id. */
  readonly position?: number | undefined;
  readonly mode: Mode;
}

/**
 * Embeds queries, then words with their positions, normalized by one layer norm: [B,Q+T,W]. Queries have no position, and
 * positions are counted from the first word; there are no token types.
 */
export function embed(p: QFormer, config: QFormerConfig, input: EmbedInput): tf.Tensor3D {
  const { queryRows, ids, position = 0, mode } = input;
  const normalize = (x: tf.Tensor): tf.Tensor => layerNorm(p.qformer.layernorm, x, config.epsilon);
  const parts: tf.Tensor[] = [];
  // Adding zeros repeats the queries; the gradient of `tile` would be a slice a row.
  if (queryRows) parts.push(tf.add(normalize(p.query_tokens), tf.zeros([queryRows, 1, 1])));
  if (ids) parts.push(normalize(words(p, config, { ids, position })));
  const x = parts.length === 1 ? (parts[0] as tf.Tensor) : tf.concat(parts, 1);
  return drop(x, config.dropout, inside(mode, 'embeddings')) as tf.Tensor3D; // [B,Q+T,W]
}

function words(p: QFormer, config: QFormerConfig, text: { ids: tf.Tensor2D; position: number }): tf.Tensor {
  const { ids, position } = text;
  const { word_embeddings, position_embeddings } = need(p.embeddings, 'text embeddings', 'retrieval');
  const T = ids.shape[1];
  if (position + T > config.maxPositions) {
    throw new Error(
      `A text of ${position + T} tokens is longer than the Q-Former's ${config.maxPositions} positions; truncate it.`,
    );
  }
  const positions = tf.slice(position_embeddings.weight, [position, 0], [T, config.hiddenSize]); // [T,W]
  return tf.add(embedding(word_embeddings, ids), positions); // [B,T,W]
}
