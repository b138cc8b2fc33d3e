import { appendKeyValue, attend, attentionWeights, type KeyValue } from '@blip2/attention';
import { type Linear, layerNorm, linear } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { QFormerConfig } from './config.js';
import { drop, inside, type Mode } from './mode.js';
import { type AttentionBlock, type Layer, need, type Output } from './spec.js';

/** Keys and values of this layer's cross-attention; where `index` int32 [B] is given, row b attends to image index[b]. */
export interface ImageKeyValues {
  /** Both [I,N,W]. */
  readonly keys: KeyValue;
  readonly index?: tf.Tensor1D | undefined;
}

/** Computes the keys and values of this layer's cross-attention: features [I,N,D] -> [I,N,W] both. */
export function project({ attention: { key, value } }: AttentionBlock, features: tf.Tensor3D): KeyValue {
  return { key: linear(key, features), value: linear(value, features) };
}

/** Input of `layer` beside its rows. */
export interface LayerInput {
  /** Number of rows at the beginning that are queries; the others are text. */
  readonly queries: number;
  /** Additive, broadcastable to [B,H,L,P+L]. */
  readonly mask?: tf.Tensor | undefined;
  /** Each row attends to the past and to the rows up to itself. */
  readonly causal?: boolean | undefined;
  readonly images?: ImageKeyValues | undefined;
  /** Whether keys and values of self-attention are returned too. */
  readonly remember?: boolean | undefined;
  /** Keys and values of the rows before, [B,P,W]. */
  readonly past?: KeyValue | undefined;
  /** Whether only the query rows are returned. */
  readonly queriesOnly?: boolean | undefined;
  /** Whether the attention probabilities of the queries over the image are returned. */
  readonly attentionMaps?: boolean | undefined;
  readonly gates?: LayerGates | undefined;
  readonly mode: Mode;
}

/** Factors of the attention probabilities of a layer, to differentiate by; see `gate` of `@blip2/attention`. */
export interface LayerGates {
  /** [B,H,L,L], or [B,H,Q,L] where only the query rows are returned. */
  readonly self?: tf.Tensor4D | undefined;
  /** [B,H,Q,N] */
  readonly cross?: tf.Tensor4D | undefined;
}

/** Output of `layer`. */
export interface LayerOutput {
  /** [B,L,W], or [B,Q,W] where only the query rows are returned. */
  y: tf.Tensor;
  /** Past and own keys and values of self-attention, [B,P+L,W], where they are asked for. */
  cache?: KeyValue | undefined;
  /** [B,H,Q,N] */
  attention?: tf.Tensor4D;
}

/**
 * Runs one layer of BERT with two branches: self-attention is shared; then queries attend to the image and pass a feed-forward
 * network of their own, and text passes another (BLIP-2, section 3.1). A layer norm follows each addition.
 * @param x [B,L,W], queries first
 */
export function layer(p: Layer, config: QFormerConfig, x: tf.Tensor, input: LayerInput): LayerOutput {
  const { queries: Q, mode } = input;
  const L = x.shape[1] as number;
  const wanted = input.queriesOnly ? rows(x, 0, Q) : x;
  const { y: attended, cache: all } = selfAttention(p.attention, config, { x, wanted, input });
  const cache = input.remember ? all : undefined;
  const text =
    Q < L && !input.queriesOnly ? textBranch(p, config, rows(attended, Q, L), inside(mode, 'text')) : undefined;
  if (Q === 0) return { y: text as tf.Tensor, cache };
  const own = rows(attended, 0, Q);
  const crossed =
    p.crossattention && input.images
      ? crossAttention(p.crossattention, config, own, { ...input, images: input.images })
      : { y: own };
  const query = feedForward(
    { up: p.intermediate_query.dense, down: p.output_query },
    config,
    crossed.y,
    inside(mode, 'query'),
  );
  return { ...crossed, y: text ? tf.concat([query, text], 1) : query, cache };
}

function rows(x: tf.Tensor, begin: number, end: number): tf.Tensor {
  const [B, L, W] = x.shape as [number, number, number];
  return begin === 0 && end === L ? x : tf.slice(x, [0, begin, 0], [B, end - begin, W]);
}

function textBranch(p: Layer, config: QFormerConfig, x: tf.Tensor, mode: Mode): tf.Tensor {
  const up = need(p.intermediate, 'text branch', 'retrieval').dense;
  return feedForward({ up, down: need(p.output, 'text branch', 'retrieval') }, config, x, mode);
}

interface SelfAttentionInput {
  readonly x: tf.Tensor;
  /** The rows of x whose output is computed. */
  readonly wanted: tf.Tensor;
  readonly input: LayerInput;
}

function selfAttention(p: AttentionBlock, config: QFormerConfig, { x, wanted, input }: SelfAttentionInput) {
  const { query, key, value } = p.attention;
  const { mask, causal, past, gates } = input;
  const mode = inside(input.mode, 'self');
  const fresh = { key: linear(key, x), value: linear(value, x) };
  const cache = past ? appendKeyValue(past, fresh) : fresh; // [B,P+L,W]
  const q = linear(query, wanted); // [B,L,W]
  const dropout = { ...inside(mode, 'probabilities'), rate: config.attentionDropout };
  const options = { heads: config.heads, mask, causal, dropout, gate: gates?.self };
  const context = attend(q, cache.key, cache.value, options); // [B,L,W]
  return { y: addAndNormalize(p.output, config, { x: context, residual: wanted, mode }), cache };
}

function crossAttention(
  p: AttentionBlock,
  config: QFormerConfig,
  x: tf.Tensor,
  input: Pick<LayerInput, 'mode' | 'attentionMaps' | 'gates'> & { images: ImageKeyValues },
): { y: tf.Tensor; attention?: tf.Tensor4D } {
  const { keys, index: rows } = input.images;
  const { heads } = config;
  const mode = inside(input.mode, 'cross');
  const q = linear(p.attention.query, x); // [B,Q,W]
  const dropout = { ...inside(mode, 'probabilities'), rate: config.attentionDropout };
  const context = attend(q, keys.key, keys.value, { heads, rows, dropout, gate: input.gates?.cross }); // [B,Q,W]
  const y = addAndNormalize(p.output, config, { x: context, residual: x, mode });
  return input.attentionMaps ? { y, attention: attentionWeights(q, keys.key, { heads, rows }) } : { y };
}

function feedForward(p: { up: Linear; down: Output }, config: QFormerConfig, x: tf.Tensor, mode: Mode): tf.Tensor {
  const inner = linear(p.up, x); // [B,L,I]
  return addAndNormalize(p.down, config, { x: inner, activation: config.activation, residual: x, mode }); // [B,L,W]
}

interface Addend {
  readonly x: tf.Tensor;
  /** Applied to x first. */
  readonly activation?: string;
  readonly residual: tf.Tensor;
  readonly mode: Mode;
}

function addAndNormalize(p: Output, config: QFormerConfig, { x, activation, residual, mode }: Addend): tf.Tensor {
  const dropped = mode.training && config.dropout > 0;
  const sum = dropped
    ? tf.add(residual, drop(linear(p.dense, x, { activation }), config.dropout, inside(mode, 'output')))
    : linear(p.dense, x, { activation, residual });
  return layerNorm(p.LayerNorm, sum, config.epsilon);
}
