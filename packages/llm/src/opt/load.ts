import { bind, type WeightSource } from '@blip2/tensor';
import type { SyncLanguageModel } from '../language-model.js';
import type { OptConfig } from './config.js';
import { optLanguageModel } from './model.js';
import { optSpec } from './spec.js';

/** Options of loading a language model. */
export interface LoadLanguageOptions {
  /** Prefix of the names in the file: `language_model.` in a BLIP-2 file. Default: none. */
  readonly prefix?: string;
}

/** The name of the token embeddings. */
export const OPT_TABLE = 'model.decoder.embed_tokens.weight';
const HEAD = 'lm_head.weight';

/** Tells whether a name, without prefix, repeats another tensor of the file. */
export const optRepeats =
  ({ tied }: OptConfig) =>
  (name: string): boolean =>
    tied && name === HEAD;

/**
 * How the tensors of a file become the parameters of an OPT. The number of vocabulary rows is the file's, whatever the
 * config says (published BLIP-2 files have padded tables); a tied head that the file holds as well is not read twice.
 */
export function optBinding(source: WeightSource, config: OptConfig, { prefix = '' }: LoadLanguageOptions = {}) {
  const vocabSize = source.names.get(prefix + OPT_TABLE)?.shape[0] ?? config.vocabSize;
  const actual = { ...config, vocabSize };
  const repeats = optRepeats(config);
  const ignore = (name: string): boolean => repeats(name.slice(prefix.length));
  return { config: actual, spec: optSpec(actual), options: { prefix, ignore } };
}

/**
 * Loads an OPT model from a file.
 * @throws BindError naming all that is missing, unused or of another shape
 */
export async function loadOpt(
  source: WeightSource,
  config: OptConfig,
  options: LoadLanguageOptions = {},
): Promise<SyncLanguageModel> {
  const binding = optBinding(source, config, options);
  return optLanguageModel(await bind(binding.spec, source, binding.options), binding.config);
}
