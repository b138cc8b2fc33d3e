import { bind, isQuantized, type WeightSource } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { SyncLanguageModel } from '../language-model.js';
import type { LoadLanguageOptions } from '../opt/load.js';
import type { T5Config } from './config.js';
import { t5LanguageModel } from './model.js';
import { type T5Params, t5Spec } from './spec.js';

const HEAD = 'lm_head.weight';
/** Names of the token embeddings. */
const TABLES = ['shared.weight', 'encoder.embed_tokens.weight', 'decoder.embed_tokens.weight'] as const;

/** The name under which a file has the token embeddings. */
export const t5Table = (has: (name: string) => boolean): string => TABLES.find(has) ?? TABLES[0];

/** Tells whether a name, without prefix, repeats the token embeddings. A head may be another, whatever the config says. */
export function t5Repeats(_config: T5Config, has: (name: string) => boolean): (name: string) => boolean {
  const first = t5Table(has);
  return (name) => name !== first && TABLES.some((table) => table === name);
}

/**
 * How the tensors of a file become the parameters of a T5. The number of vocabulary rows is the file's, whatever the
 * config says, and so is whether the head is tied: transformers 5 writes `tie_word_embeddings: true` beside a head of its
 * own. A table that the file holds again is not read twice.
 */
export function t5Binding(source: WeightSource, config: T5Config, { prefix = '' }: LoadLanguageOptions = {}) {
  const has = (name: string): boolean => source.names.has(prefix + name);
  const vocabSize = source.names.get(prefix + t5Table(has))?.shape[0] ?? config.vocabSize;
  const actual = { ...config, vocabSize, tied: !has(HEAD) };
  const repeats = t5Repeats(actual, has);
  const ignore = (name: string): boolean => repeats(name.slice(prefix.length));
  return { config: actual, spec: t5Spec(actual), options: { prefix, ignore, tied: { [TABLES[0]]: t5Table(has) } } };
}

/**
 * Loads a T5 model from a file. A head that equals the token embeddings is not kept.
 * @throws BindError naming all that is missing, unused or of another shape
 */
export async function loadT5(
  source: WeightSource,
  config: T5Config,
  options: LoadLanguageOptions = {},
): Promise<SyncLanguageModel> {
  const binding = t5Binding(source, config, options);
  const params = await bind(binding.spec, source, binding.options);
  return t5LanguageModel(config.tied ? await withoutCopy(params) : params, binding.config);
}

/** Drops a head that equals the token embeddings; packed ones are not compared. */
async function withoutCopy({ lm_head, ...rest }: T5Params): Promise<T5Params> {
  if (!lm_head || isQuantized(lm_head.weight) || isQuantized(rest.shared.weight)) return { ...rest, lm_head };
  const equal = tf.tidy(() => tf.all(tf.equal(lm_head.weight, rest.shared.weight)));
  const [same] = await equal.data();
  equal.dispose();
  if (!same) return { ...rest, lm_head };
  lm_head.weight.dispose();
  return { ...rest, lm_head: undefined };
}
