import { additiveMask, type KeyValueCache, keyValueCache } from '@blip2/attention';
import { dispose, keep } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { composePrompt, promptParts } from '../adapter.js';
import { decodingState, type TextRows } from '../decoding-state.js';
import { labelsOf } from '../labels.js';
import type { PredictInput, Predictions, Prompt, SyncDecodingState, SyncLanguageModel } from '../language-model.js';
import { loraSupport } from '../lora/support.js';
import type { T5Config } from './config.js';
import { t5CrossKeys, t5Decode } from './decoder.js';
import { PADDED, t5Encode } from './encoder.js';
import { t5Embed, t5Head } from './logits.js';
import { lastPositionBias, positionBias } from './position-bias.js';
import { type T5Params, t5Spec } from './spec.js';
import type { T5CrossKeys } from './sublayers.js';

/** Binds parameters to a T5 model as a `LanguageModel`. It owns the parameters: `dispose` frees them. */
export function t5LanguageModel(p: T5Params, config: T5Config): SyncLanguageModel {
  const { bos, pad, eos, decoderStart } = config;
  return {
    kind: 'encoder-decoder',
    width: config.hiddenSize,
    vocabSize: config.vocabSize,
    ids: { bos, pad, eos, decoderStart },
    embed: (ids) => t5Embed(p, ids),
    predict: (input) => t5Predict(p, config, input),
    start: (prompt) => t5Start(p, config, prompt),
    lora: loraSupport(
      p,
      () => t5Spec(config),
      (adapted) => t5LanguageModel(adapted, config),
    ),
    dispose: () => dispose(p),
  };
}

/** Computes the logits of the target's tokens: the decoder reads its start token, then the target without its last token. */
export function t5Predict(p: T5Params, config: T5Config, input: PredictInput): Predictions {
  const { targetIds, targetMask, dropoutSeed } = input;
  return tf.tidy(() => {
    const labels = labelsOf(targetIds, { mask: targetMask }); // [B,T]
    const [B, T] = labels.shape;
    const { encoded, mask } = read(p, config, input, dropoutSeed);
    const start = tf.fill([B, 1], config.decoderStart, 'int32');
    const shifted = tf.concat([start, tf.slice(targetIds as tf.Tensor2D, [0, 0], [B, T - 1])], 1); // [B,T]
    const bias = positionBias(p, config, 'decoder', T); // [1,H,T,T]
    const embeddings = t5Embed(p, shifted);
    const hidden = t5Decode(p, config, { embeddings, encoded, mask, bias, dropoutSeed });
    return { logits: t5Head(p, config, hidden), labels }; // [B,T,V], [B,T]
  });
}

/** A prompt, encoded. */
interface Read {
  readonly encoded: T5CrossKeys[];
  /** Additive, [B,1,1,E]. */
  readonly mask?: tf.Tensor4D;
}

function read(p: T5Params, config: T5Config, prompt: Prompt, dropoutSeed?: number): Read {
  const { embeddings, mask } = composePrompt(promptParts(prompt, (ids) => t5Embed(p, ids)));
  const output = t5Encode(p, config, { embeddings, mask, dropoutSeed }); // [B,E,W]
  return { encoded: t5CrossKeys(p, output), ...(mask ? { mask: additiveMask(mask, PADDED) } : {}) };
}

/** The prompt of each text, int32 [B], and its mask, [B,1,1,E]. */
type Source = { rows: tf.Tensor1D; mask?: tf.Tensor4D };
type Last = { logits: tf.Tensor2D } & Source & TextRows;

/** Number of tokens for which caches and positions have room before they must grow. */
const USUAL_TEXT = 64;

/**
 * Reads a prompt with the encoder, once, and starts decoding. Texts of one prompt attend to the same keys and values, which are
 * not copied.
 */
export function t5Start(p: T5Params, config: T5Config, prompt: Prompt): SyncDecodingState {
  const memory = Array.from({ length: config.decoderLayers }, () => keyValueCache({ capacity: USUAL_TEXT }));
  let encoded: T5CrossKeys[] = [];
  /** The bias of some later position, [1,H,1,room]. */
  let positions: tf.Tensor4D | undefined;

  const biasAt = (position: number): tf.Tensor => {
    const room = positions?.shape[3] ?? 0;
    if (position >= room) {
      positions?.dispose();
      positions = tf.keep(lastPositionBias(p, config, Math.max(USUAL_TEXT, 2 * room)));
    }
    const { shape } = positions as tf.Tensor4D;
    return tf.slice(positions as tf.Tensor4D, [0, 0, 0, shape[3] - 1 - position], [1, shape[1], 1, position + 1]);
  };
  const next = ({ rows, mask }: Source, ids: tf.Tensor2D): Last => {
    const bias = biasAt((memory[0] as KeyValueCache).length);
    const hidden = t5Decode(p, config, { embeddings: t5Embed(p, ids), encoded, rows, mask, bias, memory });
    const logits = tf.squeeze(t5Head(p, config, hidden), [1]) as tf.Tensor2D; // [B,V]
    return { logits, rows: rows.clone(), ...(mask ? { mask: mask.clone() } : {}) };
  };

  return decodingState<Last>({
    memory,
    begin() {
      const { encoded: keys, mask } = read(p, config, prompt);
      encoded = keep(keys);
      const B = keys[0]?.key.shape[0] ?? 0;
      const start = tf.fill([B, 1], config.decoderStart, 'int32') as tf.Tensor2D;
      return next({ rows: tf.range(0, B, 1, 'int32'), ...(mask ? { mask } : {}) }, start);
    },
    next,
    free() {
      dispose(encoded);
      positions?.dispose();
    },
  });
}
