import { bind, type WeightSource } from '@blip2/tensor';
import type { SyncLanguageModel } from '../language-model.js';
import type { LoadLanguageOptions } from '../opt/load.js';
import type { LlamaConfig } from './config.js';
import { llamaLanguageModel } from './model.js';
import { llamaSpec } from './spec.js';

/** The name of the token embeddings. */
export const LLAMA_TABLE = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';
/** A buffer of files that transformers 4.30 and earlier saved: frequencies, which the config says. */
const BUFFER = /\.rotary_emb\.inv_freq$/;

/** Tells whether a name, without prefix, repeats another tensor of the file or is none. */
export const llamaRepeats =
  ({ tied }: LlamaConfig) =>
  (name: string): boolean =>
    (tied && name === HEAD) || BUFFER.test(name);

/** How the tensors of a file become the parameters of a Llama. The number of vocabulary rows is the file's. */
export function llamaBinding(source: WeightSource, config: LlamaConfig, { prefix = '' }: LoadLanguageOptions = {}) {
  const vocabSize = source.names.get(prefix + LLAMA_TABLE)?.shape[0] ?? config.vocabSize;
  const actual = { ...config, vocabSize };
  const repeats = llamaRepeats(config);
  const ignore = (name: string): boolean => repeats(name.slice(prefix.length));
  return { config: actual, spec: llamaSpec(actual), options: { prefix, ignore } };
}

/**
 * Loads a Llama, Qwen2 or Mistral from a file.
 * @throws BindError naming all that is missing, unused or of another shape
 */
export async function loadLlama(
  source: WeightSource,
  config: LlamaConfig,
  options: LoadLanguageOptions = {},
): Promise<SyncLanguageModel> {
  const binding = llamaBinding(source, config, options);
  return llamaLanguageModel(await bind(binding.spec, source, binding.options), binding.config);
}
