import { type KeyValueCache, keyValueCache } from '@blip2/attention';
import * as tf from '@tensorflow/tfjs';
import { type ComposedPrompt, composePrompt, promptParts } from './adapter.js';
import { decodingState, type TextRows } from './decoding-state.js';
import { labelsOf } from './labels.js';
import type { PredictInput, Predictions, Prompt, SyncDecodingState } from './language-model.js';

/** Input of the forward of a decoder-only language model. */
export interface DecoderInput {
  /** Token embeddings or vectors in their place, [B,L,W], without positions. */
  readonly embeddings: tf.Tensor;
  /** Attention mask of past and new columns together, [B,P+L]. Default: all ones. */
  readonly mask?: tf.Tensor | undefined;
  /** The key-value cache of each layer with the P past columns; the L new columns are appended. Default: none. */
  readonly memory?: readonly KeyValueCache[] | undefined;
  /** Number of last positions that are computed by the last layer and returned. Default: all. */
  readonly last?: number | undefined;
  /** Number of columns of the whole text, which dynamic rotary positions depend on. Default: past and new ones. */
  readonly columns?: number | undefined;
  /** Seed of dropout. Default: no dropout. */
  readonly dropoutSeed?: number | undefined;
}

/** Output of the forward of a decoder-only language model; the caller owns it. */
export type DecoderOutput = {
  /** After the final norm, [B,last,W]. */
  hidden: tf.Tensor3D;
};

/** A decoder-only language model as functions over its parameters. */
export interface DecoderOnly {
  /** Number of layers, each of which has a key-value cache. */
  readonly layers: number;
  /** Looks token embeddings up: int32 [B,L] -> [B,L,W]. */
  embed(ids: tf.Tensor): tf.Tensor3D;
  /** Runs the decoder. */
  forward(input: DecoderInput): DecoderOutput;
  /** Computes logits of hidden states: [B,L,W] -> [B,L,V]. */
  head(hidden: tf.Tensor): tf.Tensor3D;
}

/**
 * Computes the logits of the target's tokens. The last target is not read, and no logits are computed for the prompt.
 * Without a prompt nothing precedes the first target, and logits and labels begin at the second.
 */
export function predictTargets(model: DecoderOnly, input: PredictInput): Predictions {
  const { targetIds, targetMask, dropoutSeed } = input;
  const labels = labelsOf(targetIds, { mask: targetMask }); // [B,T]
  const [B, T] = labels.shape;
  const { logits, wanted } = tf.tidy(() => {
    const parts = promptParts(input, model.embed);
    if (T > 1) {
      parts.push({
        embeddings: model.embed(tf.slice(targetIds, [0, 0], [B, T - 1])),
        mask: targetMask && tf.slice(targetMask, [0, 0], [B, T - 1]),
      });
    }
    const { embeddings, mask } = composePrompt(parts);
    const last = Math.min(T, embeddings.shape[1]);
    const { hidden } = model.forward({ embeddings, mask, last, columns: embeddings.shape[1] + 1, dropoutSeed });
    return { logits: model.head(hidden), wanted: tf.slice(labels, [0, T - last], [B, last]) }; // [B,T,V], [B,T]
  });
  labels.dispose();
  return { logits, labels: wanted };
}

/** Number of tokens after a prompt for which its cache has room before it must grow. */
const USUAL_TEXT = 32;

/** Reads a prompt and starts decoding after it. */
export function startDecoding(model: DecoderOnly, prompt: Prompt): SyncDecodingState {
  const memory: KeyValueCache[] = [];
  return decodingState<Last>({
    memory,
    begin() {
      const composed = composePrompt(promptParts(prompt, model.embed));
      const capacity = composed.embeddings.shape[1] + USUAL_TEXT;
      memory.push(...Array.from({ length: model.layers }, () => keyValueCache({ capacity })));
      return read(model, composed, memory);
    },
    next(last, ids) {
      const mask = last.mask && (tf.concat([last.mask, tf.ones(ids.shape, 'int32')], 1) as tf.Tensor2D);
      return read(model, { embeddings: model.embed(ids), mask }, memory);
    },
  });
}

/** The logits of the last column, and the attention mask [B,P]. */
type Last = { logits: tf.Tensor2D; mask?: tf.Tensor2D } & TextRows;

/** Runs the decoder on further columns. */
function read(model: DecoderOnly, { embeddings, mask }: ComposedPrompt, memory: readonly KeyValueCache[]): Last {
  const { hidden } = model.forward({ embeddings, mask, memory, last: 1 });
  const logits = tf.squeeze(model.head(hidden), [1]) as tf.Tensor2D; // [B,V]
  return { logits, ...(mask ? { mask } : {}) };
}

/** Gives the last `count` positions: [B,L,W] -> [B,count,W]. */
export function lastRows(x: tf.Tensor, count: number): tf.Tensor {
  const [B, L, W] = x.shape as [number, number, number];
  return count === L ? x : tf.slice(x, [0, L - count, 0], [B, count, W]);
}

/** Lower than any score, yet finite: a row that attends to nothing must not become NaN. */
export const PADDED = -1e9;

/**
 * Checks what a decoder is given.
 * @param of its name for errors, the width of its embeddings, and how many positions it has
 * @throws for embeddings or a mask of another shape, and for more columns than there are positions
 */
export function checkInput(
  { embeddings, mask, memory }: DecoderInput,
  { name, width, maxPositions }: { readonly name: string; readonly width: number; readonly maxPositions: number },
): void {
  const [B, L, W] = embeddings.shape;
  const columns = (memory?.[0]?.length ?? 0) + (L as number);
  if (embeddings.rank !== 3 || W !== width) {
    throw new Error(`${name} needs embeddings [B,L,${width}], not [${embeddings.shape}].`);
  }
  if (mask && mask.shape.join() !== [B, columns].join()) {
    throw new Error(`${name} needs a mask [${B},${columns}] of past and new columns, not [${mask.shape}].`);
  }
  if (columns > maxPositions) {
    throw new Error(`${columns} tokens are more than the ${maxPositions} positions of this ${name}; shorten the text.`);
  }
}
