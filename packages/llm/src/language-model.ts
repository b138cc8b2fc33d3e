import type * as tf from '@tensorflow/tfjs';

/** What stands before the text to be made. At least one of the two is there. */
export interface Prompt {
  /** Continuous vectors that come first, [B,Q,W]: what the adapter made of an image. */
  readonly softPrompt?: tf.Tensor | undefined;
  /** Tokens after them, int32 [B,P]. A decoder-only model wants pads on the left, so that the text goes on from the last token. */
  readonly promptIds?: tf.Tensor | undefined;
  /** Keep mask of `promptIds`, 0 or 1, [B,P]. Default: all ones. */
  readonly promptMask?: tf.Tensor | undefined;
}

/** A prompt and the text that should follow it. */
export interface PredictInput extends Prompt {
  /** int32 [B,T], pads on the right. */
  readonly targetIds: tf.Tensor;
  /** Keep mask of `targetIds`, [B,T]. Default: all ones. */
  readonly targetMask?: tf.Tensor | undefined;
  /** The seed of the model's own dropout. Without it there is none. */
  readonly dropoutSeed?: number | undefined;
}

/** Predictions beside what they should be; for a cross-entropy that ignores `IGNORED`. The caller owns both. */
export interface Predictions {
  /** [B,T,V]: row t was computed from what stands before target t. */
  readonly logits: tf.Tensor3D;
  /** int32 [B,T], `IGNORED` where masked. */
  readonly labels: tf.Tensor2D;
}

/** The label that a loss leaves out, as in PyTorch. */
export const IGNORED = -100;

/** The special ids of a model's vocabulary. */
export interface SpecialIds {
  readonly bos: number;
  readonly pad: number;
  /** Any of them ends a text. */
  readonly eos: readonly number[];
  /** What the decoder of an encoder-decoder model begins with. */
  readonly decoderStart?: number | undefined;
}

/**
 * A text in the making: the cache of what was read so far, one row a text. It owns its tensors.
 */
export interface DecodingState {
  readonly rows: number;
  /** What comes next, [rows,V]. Borrowed: valid until the next `step`, `reorder` or `dispose`. */
  readonly logits: tf.Tensor2D;
  /** Appends one token to each row. */
  step(ids: readonly number[]): void;
  /** Row i becomes what row `parents[i]` was; there may be more or fewer rows than before. */
  reorder(parents: readonly number[]): void;
  dispose(): void;
}

/**
 * What training and decoding need of a language model, whether it is decoder-only or an encoder with a decoder
 * (which reads the prompt with its encoder and makes the target with its decoder). Any object of this shape will do.
 */
export interface LanguageModel {
  readonly kind: 'decoder' | 'encoder-decoder';
  /** W: the width of a token's vector, and so of a soft prompt. */
  readonly width: number;
  /** V */
  readonly vocabSize: number;
  readonly ids: SpecialIds;
  /** int32 [B,L] -> [B,L,W] */
  embed(ids: tf.Tensor): tf.Tensor3D;
  /**
   * Teacher forcing: the logits of every target token at once, computed for these alone.
   * Differentiable by the soft prompt; gradients of the weights are computed only if asked for.
   */
  predict(lesson: PredictInput): Predictions;
  /** Reads the prompt; the state then holds the logits of the first new token. */
  start(prompt: Prompt): DecodingState;
  dispose?(): void;
}
