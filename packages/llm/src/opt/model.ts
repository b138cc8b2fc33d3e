import { dispose } from '@blip2/tensor';
import { type DecoderOnly, predictTargets, startDecoding } from '../decoder-only.js';
import type { PredictInput, Predictions, Prompt, SyncDecodingState, SyncLanguageModel } from '../language-model.js';
import { loraSupport } from '../lora/support.js';
import type { OptConfig } from './config.js';
import { optForward } from './forward.js';
import { optEmbed, optHead } from './logits.js';
import { type OptParams, optSpec } from './spec.js';

const decoderOf = (p: OptParams, config: OptConfig): DecoderOnly => ({
  layers: config.layers,
  embed: (ids) => optEmbed(p, ids),
  forward: (input) => optForward(p, config, input),
  head: (hidden) => optHead(p, hidden),
});

/** Binds parameters to an OPT model as a `LanguageModel`. It owns the parameters: `dispose` frees them. */
export function optLanguageModel(p: OptParams, config: OptConfig): SyncLanguageModel {
  return {
    kind: 'decoder',
    width: config.embeddingSize,
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

/** Computes the logits of the target's tokens, as `predict` of the model does. */
export const optPredict = (p: OptParams, config: OptConfig, input: PredictInput): Predictions =>
  predictTargets(decoderOf(p, config), input);

/** Reads a prompt and starts decoding after it, as `start` of the model does. */
export const optStart = (p: OptParams, config: OptConfig, prompt: Prompt): SyncDecodingState =>
  startDecoding(decoderOf(p, config), prompt);
