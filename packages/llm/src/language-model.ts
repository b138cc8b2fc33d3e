import type { Flat } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';
import type { LinearLayers, WithLoraOptions } from './lora/apply.js';

/** The input of a language model before the text that it generates; at least one of soft prompt and ids is given. */
export interface Prompt {
  /** Continuous vectors that come first, [B,Q,W]: the Q-Former's output, projected to the width of the language model. */
  readonly softPrompt?: tf.Tensor | undefined;
  /** Token ids after the soft prompt, int32 [B,P]; padded on the left for a decoder-only model, on the right for an encoder. */
  readonly promptIds?: tf.Tensor | undefined;
  /** Attention mask of `promptIds`, 0 or 1, [B,P]. Default: all ones. */
  readonly promptMask?: tf.Tensor | undefined;
}

/** A prompt and the target text that should follow it, for teacher forcing. */
export interface PredictInput extends Prompt {
  /** Target ids, int32 [B,T], padded on the right. */
  readonly targetIds: tf.Tensor;
  /** Attention mask of `targetIds`, 0 or 1, [B,T]. Default: all ones. */
  readonly targetMask?: tf.Tensor | undefined;
  /** Seed of the model's own dropout. Default: no dropout. */
  readonly dropoutSeed?: number | undefined;
}

/** Logits with the labels that they should predict, for a cross-entropy that ignores `IGNORED`. The caller owns both. */
export interface Predictions {
  /** `[B,T,V]`: row t was computed from the tokens before target t. */
  readonly logits: tf.Tensor3D;
  /** int32 [B,T], `IGNORED` where masked. */
  readonly labels: tf.Tensor2D;
}

/** The label that a loss leaves out, as in PyTorch. */
export const IGNORED = -100;

/** The special token ids of a language model. */
export interface SpecialIds {
  /** Begins a text. */
  readonly bos: number;
  /** Pads texts to one length. */
  readonly pad: number;
  /** Any of these ends a text. */
  readonly eos: readonly number[];
  /** Begins the target of an encoder-decoder model. */
  readonly decoderStart?: number | undefined;
}

/** The state of an incremental decoding: a cache of the tokens so far, one row per text. It owns its tensors. */
export interface DecodingState {
  /** Number of texts. */
  readonly rows: number;
  /** Logits of the next token, [rows,V]. Borrowed: valid until the next `step`, `reorder` or `dispose`. */
  readonly logits: tf.Tensor2D;
  /** Appends one token to each row; `logits` and `rows` are up to date when it has returned, or its promise has resolved. */
  step(ids: readonly number[]): void | Promise<void>;
  /** Replaces row i by a copy of row `parents[i]`; the number of rows may change. */
  reorder(parents: readonly number[]): void | Promise<void>;
  /** Frees the cache and the logits. */
  dispose(): void;
}

/**
 * A language model as BLIP-2 needs it, decoder-only or an encoder (which reads the prompt) with a decoder (which generates).
 * Any object of this shape will do. Generation (`start`, `step`, `reorder`) may be asynchronous; training (`embed`,
 * `predict`) is synchronous, because TensorFlow.js records gradients as it computes.
 */
export interface LanguageModel {
  readonly kind: 'decoder' | 'encoder-decoder';
  /** W, the width of a token embedding and so of a soft prompt. */
  readonly width: number;
  /** V, the number of rows of the table of token embeddings. */
  readonly vocabSize: number;
  readonly ids: SpecialIds;
  /** The largest number of vectors and tokens that the decoder reads: soft prompt, prompt and new tokens. Default: no limit. */
  readonly maxPositions?: number | undefined;
  /** Looks token embeddings up: int32 [B,L] -> [B,L,W]. The caller owns the result. */
  embed(ids: tf.Tensor): tf.Tensor3D;
  /**
   * Computes the logits of all target tokens at once (teacher forcing), differentiable by the soft prompt. Only stage 2 of
   * training needs it; a model that can only generate throws.
   */
  predict(input: PredictInput): Predictions;
  /** Reads the prompt; the state then has the logits of the first new token. The caller disposes the state. */
  start(prompt: Prompt): DecodingState | Promise<DecodingState>;
  /** What low-rank adapters need; absent where the model takes none. */
  readonly lora?: LoraSupport;
  /** Frees the weights. */
  dispose?(): void;
}

/** What a language model offers for low-rank adapters (LoRA, Hu et al. 2021) of its linear layers. */
export interface LoraSupport {
  /** The linear layers that may have adapters. */
  readonly layers: LinearLayers;
  /**
   * Gives the model with adapters, by the names of `loraSpec`; differentiable by them. It borrows the adapters and all of the
   * model: it has nothing to dispose, and is valid as long as they are.
   */
  adapt(adapters: Flat, options: WithLoraOptions): SyncLanguageModel;
}

/** A `DecodingState` whose functions are synchronous. */
export interface SyncDecodingState extends DecodingState {
  step(ids: readonly number[]): void;
  reorder(parents: readonly number[]): void;
}

/** A `LanguageModel` whose functions are synchronous, as those of this package are; `dispose` frees the weights. */
export interface SyncLanguageModel extends LanguageModel {
  start(prompt: Prompt): SyncDecodingState;
  dispose(): void;
}
