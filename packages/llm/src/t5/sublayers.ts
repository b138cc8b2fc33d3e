import { attend, type CachedAttendOptions, type KeyValueCache } from '@blip2/attention';
import { activation as act, dropout, gated, hash, type Linear, type RmsNorm, rmsNorm } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { adaptedLinear } from '../lora/linear.js';
import type { T5Config } from './config.js';
import type { T5Attention, T5CrossAttention, T5FeedForward, T5SelfAttention } from './spec.js';

/** Input of every sublayer beside its parameters. */
export interface SublayerInput {
  readonly config: T5Config;
  /** [B,L,W] */
  readonly x: tf.Tensor;
  /** Seed of dropout; undefined: no dropout. */
  readonly seed: number | undefined;
}

export interface SelfAttentionInput extends SublayerInput {
  /** [1,H,L,P+L] */
  readonly bias: tf.Tensor;
  /** Additive. */
  readonly mask?: tf.Tensor | undefined;
  readonly causal: boolean;
  /** The key-value cache of the P past columns, to which these are appended. */
  readonly memory?: KeyValueCache | undefined;
}

/** `x + o(attention(q n, k n, v n))` of the norm n of x: [B,L,W] -> [B,L,W] */
export function selfAttention(p: T5SelfAttention, input: SelfAttentionInput): tf.Tensor {
  const { x, bias, mask, causal, memory } = input;
  const { q, k, v } = p.SelfAttention;
  const normed = norm(p.layer_norm, input);
  const [query, key, value] = [adaptedLinear(q, normed), adaptedLinear(k, normed), adaptedLinear(v, normed)]; // [B,L,HK]
  const options = { ...unscaled(input), bias, mask, causal };
  memory?.append({ key, value });
  const context = memory ? memory.attend(query, options) : attend(query, key, value, options); // [B,L,HK]
  return added(p.SelfAttention.o, context, { ...input, residual: x });
}

/** Keys and values [I,E,HK] of cross-attention to I encoded prompts. */
export type T5CrossKeys = { readonly key: tf.Tensor; readonly value: tf.Tensor };

export interface CrossAttentionInput extends SublayerInput {
  readonly encoded: T5CrossKeys;
  /** int32 [B]: which of the I prompts each row attends to. Default: row b to prompt b. */
  readonly rows?: tf.Tensor1D | undefined;
  /** Additive, [B,1,1,E]. */
  readonly mask?: tf.Tensor | undefined;
}

/** `x + o(attention(q n, encoder))` of the norm n of x: [B,L,W] -> [B,L,W] */
export function crossAttention(p: T5CrossAttention, input: CrossAttentionInput): tf.Tensor {
  const { x, encoded, rows, mask } = input;
  const query = adaptedLinear(p.EncDecAttention.q, norm(p.layer_norm, input));
  const context = attend(query, encoded.key, encoded.value, { ...unscaled(input), rows, mask });
  return added(p.EncDecAttention.o, context, { ...input, residual: x });
}

/** Computes the keys and values of cross-attention: the encoder's output [I,E,W] -> [I,E,HK]. */
export const crossKeys = ({ k, v }: T5Attention, encoded: tf.Tensor): T5CrossKeys => ({
  key: adaptedLinear(k, encoded),
  value: adaptedLinear(v, encoded),
});

/** `x + wo(act(wi_0 n) * wi_1 n)`, or `x + wo(act(wi n))`, of the norm n of x: [B,L,W] -> [B,L,W] */
export function feedForward(p: T5FeedForward, input: SublayerInput): tf.Tensor {
  const { config, x, seed } = input;
  const { activation } = config;
  const { wi, wi_0, wi_1, wo } = p.DenseReluDense;
  const normed = norm(p.layer_norm, input);
  if (wi) {
    const wide = adaptedLinear(wi, normed);
    if (seed === undefined) return adaptedLinear(wo, wide, { activation, residual: x });
    return added(wo, dropped(act(activation)(wide), input, 'wide'), { ...input, residual: x });
  }
  const wide = gated(adaptedLinear(wi_1 as Linear, normed), adaptedLinear(wi_0 as Linear, normed), activation); // [B,L,F]
  return added(wo, dropped(wide, input, 'wide'), { ...input, residual: x });
}

const norm = (p: RmsNorm, { config, x }: SublayerInput): tf.Tensor => rmsNorm(p, x, config.epsilon);

/** T5's attention has no scale; its queries are initialized small instead. */
const unscaled = ({ config, seed }: SublayerInput): CachedAttendOptions => ({
  heads: config.heads,
  scale: 1,
  ...(seed === undefined
    ? {}
    : { dropout: { rate: config.dropout, training: true, seed: hash(seed, 'probabilities') } }),
});

/** `residual + dropout(W x)` */
function added(p: Linear, x: tf.Tensor, input: SublayerInput & { residual: tf.Tensor }): tf.Tensor {
  const { residual, seed } = input;
  return seed === undefined
    ? adaptedLinear(p, x, { residual })
    : tf.add(residual, dropped(adaptedLinear(p, x), input, 'output'));
}

/** Applies dropout where there is a seed. */
export const dropped = (x: tf.Tensor, { config, seed }: Omit<SublayerInput, 'x'>, name: string): tf.Tensor =>
  seed === undefined ? x : dropout(x, config.dropout, { training: true, seed: hash(seed, name) });
