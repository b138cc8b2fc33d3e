import { type KeyValueCache, keyValueCache } from '@blip2/attention';
import { dispose } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { type ComposedPrompt, composePrompt, promptParts } from '../adapter.js';
import { decodingState, type TextRows } from '../decoding-state.js';
import { labelsOf } from '../labels.js';
import type { PredictInput, Predictions, Prompt, SyncDecodingState, SyncLanguageModel } from '../language-model.js';
import { loraSupport } from '../lora/support.js';
import type { OptConfig } from './config.js';
import { optForward } from './forward.js';
import { optEmbed, optHead } from './logits.js';
import { type OptParams, optSpec } from './spec.js';

/** Binds parameters to an OPT model as a `LanguageModel`. It owns the parameters: `dispose` frees them. */
export function optLanguageModel(p: OptParams, config: OptConfig): SyncLanguageModel {
  return {
    kind: 'decoder',
    width: config.hiddenSize,
    vocabSize: config.vocabSize,
    ids: { bos: config.bos, pad: config.pad, eos: config.eos },
    maxPositions: config.maxPositions,
    embed: (ids) => optEmbed(p, ids),
    predict: (input) => optPredict(p, config, input),
    start: (prompt) => optStart(p, config, prompt),
    lora: loraSupport(
      p,
      () => optSpec(config),
      (adapted) => optLanguageModel(adapted, config),
    ),
    dispose: () => dispose(p),
  };
}

/**
 * Computes the logits of the target's tokens. The last target is not read, and no logits are computed for the prompt.
 * Without a prompt nothing precedes the first target, and logits and labels begin at the second.
 */
export function optPredict(p: OptParams, config: OptConfig, input: PredictInput): Predictions {
  const { targetIds, targetMask, dropoutSeed } = input;
  const labels = labelsOf(targetIds, { mask: targetMask }); // [B,T]
  const [B, T] = labels.shape;
  const { logits, wanted } = tf.tidy(() => {
    const parts = promptParts(input, (ids) => optEmbed(p, ids));
    if (T > 1) {
      parts.push({
        embeddings: optEmbed(p, tf.slice(targetIds, [0, 0], [B, T - 1])),
        mask: targetMask && tf.slice(targetMask, [0, 0], [B, T - 1]),
      });
    }
    const { embeddings, mask } = composePrompt(parts);
    const last = Math.min(T, embeddings.shape[1]);
    const { hidden } = optForward(p, config, { embeddings, mask, last, dropoutSeed });
    return { logits: optHead(p, hidden), wanted: tf.slice(labels, [0, T - last], [B, last]) }; // [B,T,V], [B,T]
  });
  labels.dispose();
  return { logits, labels: wanted };
}

/** Number of tokens after a prompt for which its cache has room before it must grow. */
const USUAL_TEXT = 64;

/** Reads a prompt and starts decoding after it. */
export function optStart(p: OptParams, config: OptConfig, prompt: Prompt): SyncDecodingState {
  const memory: KeyValueCache[] = [];
  return decodingState<Last>({
    memory,
    begin() {
      const composed = composePrompt(promptParts(prompt, (ids) => optEmbed(p, ids)));
      const capacity = composed.embeddings.shape[1] + USUAL_TEXT;
      memory.push(...Array.from({ length: config.layers }, () => keyValueCache({ capacity })));
      return read(p, config, composed, memory);
    },
    next(last, ids) {
      const mask = last.mask && (tf.concat([last.mask, tf.ones(ids.shape, 'int32')], 1) as tf.Tensor2D);
      return read(p, config, { embeddings: optEmbed(p, ids), mask }, memory);
    },
  });
}

/** The logits of the last column, and the attention mask [B,P]. */
type Last = { logits: tf.Tensor2D; mask?: tf.Tensor2D } & TextRows;

/** Runs the decoder on further columns. */
function read(
  p: OptParams,
  config: OptConfig,
  { embeddings, mask }: ComposedPrompt,
  memory: readonly KeyValueCache[],
): Last {
  const { hidden } = optForward(p, config, { embeddings, mask, memory, last: 1 });
  const logits = tf.squeeze(optHead(p, hidden), [1]) as tf.Tensor2D; // [B,V]
  return { logits, ...(mask ? { mask } : {}) };
}
