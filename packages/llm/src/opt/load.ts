import { bind, type WeightSource } from '@blip2/tensor';
import type { LanguageModel } from '../language-model.js';
import type { OptConfig } from './config.js';
import { optLanguageModel } from './model.js';
import { optSpec } from './spec.js';

export interface LoadOptions {
  /** What stands before the names: `language_model.` in a BLIP-2 file. */
  readonly prefix?: string;
}

/** The table of tokens. */
export const OPT_TABLE = 'model.decoder.embed_tokens.weight';
const HEAD = 'lm_head.weight';

/** Whether a name, without what stands before it, repeats another tensor of the file. */
export const optRepeats =
  ({ tied }: OptConfig) =>
  (name: string): boolean =>
    tied && name === HEAD;

/**
 * OPT from a file. The number of vocabulary rows is the file's, whatever the config says (published BLIP-2 files
 * have padded tables); a tied head that the file holds as well is not read twice.
 * @throws BindError naming all that is missing, unused or of another shape
 */
export async function loadOpt(
  source: WeightSource,
  config: OptConfig,
  options: LoadOptions = {},
): Promise<LanguageModel> {
  const { prefix = '' } = options;
  const vocabSize = source.names.get(prefix + OPT_TABLE)?.shape[0] ?? config.vocabSize;
  const actual = { ...config, vocabSize };
  const repeats = optRepeats(config);
  const params = await bind(optSpec(actual), source, {
    prefix,
    ignore: (name) => repeats(name.slice(prefix.length)),
  });
  return optLanguageModel(params, actual);
}
