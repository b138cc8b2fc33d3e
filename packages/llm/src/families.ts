import {
  type BindOptions,
  compare,
  fieldsOf,
  type Json,
  type Mismatches,
  type Spec,
  show,
  type WeightSource,
} from '@blip2/tensor';
import type { LanguageModel, SyncLanguageModel } from './language-model.js';
import { type LlamaConfig, llamaConfig } from './llama/config.js';
import { LLAMA_TABLE, llamaBinding, llamaRepeats, loadLlama } from './llama/load.js';
import { llamaSpec } from './llama/spec.js';
import { type OptConfig, optConfig } from './opt/config.js';
import { type LoadLanguageOptions, loadOpt, OPT_TABLE, optBinding, optRepeats } from './opt/load.js';
import { optSpec } from './opt/spec.js';
import { type T5Config, t5Config } from './t5/config.js';
import { loadT5, t5Binding, t5Repeats, t5Table } from './t5/load.js';
import { t5Spec } from './t5/spec.js';

/** The configuration of a language model of any supported family. */
export type LanguageConfig = OptConfig | T5Config | LlamaConfig;

/** A family of language models. */
interface Family<C> {
  readonly kind: LanguageModel['kind'];
  config(json: Json): C;
  spec(config: C): Spec;
  load(source: WeightSource, config: C, options: LoadLanguageOptions): Promise<SyncLanguageModel>;
  /** How the tensors of a file become parameters. */
  binding(
    source: WeightSource,
    config: C,
    options: LoadLanguageOptions,
  ): { readonly spec: Spec; readonly options: BindOptions };
  /** The name of the token embeddings, of those that a file has. */
  table(has: (name: string) => boolean): string;
  /** Tells which names of a file repeat another of its tensors. */
  repeats(config: C, has: (name: string) => boolean): (name: string) => boolean;
}

const llama: Family<LlamaConfig> = {
  kind: 'decoder',
  config: llamaConfig,
  spec: llamaSpec,
  load: loadLlama,
  binding: llamaBinding,
  table: () => LLAMA_TABLE,
  repeats: llamaRepeats,
};

/** By `model_type`. */
const families = {
  llama,
  mistral: llama,
  qwen2: llama,
  opt: {
    kind: 'decoder',
    config: optConfig,
    spec: optSpec,
    load: loadOpt,
    binding: optBinding,
    table: () => OPT_TABLE,
    repeats: optRepeats,
  } satisfies Family<OptConfig>,
  t5: {
    kind: 'encoder-decoder',
    config: t5Config,
    spec: t5Spec,
    load: loadT5,
    binding: t5Binding,
    table: t5Table,
    repeats: t5Repeats,
  } satisfies Family<T5Config>,
};

const familyOf = ({ modelType }: LanguageConfig): Family<LanguageConfig> =>
  families[modelType] as unknown as Family<LanguageConfig>;

/** Tells whether a `model_type` is that of a supported language model. */
export const isLanguageType = (type: unknown): boolean => typeof type === 'string' && Object.hasOwn(families, type);

/**
 * Reads the `config.json` of a language model, or the `text_config` of BLIP-2, by its `model_type` ('opt' where there is
 * none). Special ids of a `generation_config.json` take precedence.
 * @throws for a model type that is not supported, and naming the field that is malformed
 */
export function languageConfig(json: Json, generation: Json = {}): LanguageConfig {
  const type = json.model_type ?? 'opt';
  if (!isLanguageType(type)) {
    const known = Object.keys(families)
      .join(', ')
      .replace(/, (?=\w+$)/, ' and ');
    throw new Error(`A language model of type ${show(type)} is not supported yet; supported are ${known}.`);
  }
  const config: LanguageConfig = families[type as LanguageConfig['modelType']].config(json);
  const { count, ids } = fieldsOf(generation, 'generation');
  const given = (field: string): boolean => generation[field] !== undefined && generation[field] !== null;
  return {
    ...config,
    ...(given('eos_token_id') && { eos: ids('eos_token_id', 0) }),
    ...(given('pad_token_id') && { pad: count('pad_token_id', 0) }),
    ...('decoderStart' in config &&
      given('decoder_start_token_id') && { decoderStart: count('decoder_start_token_id', 0) }),
  };
}

/**
 * Loads a language model of any supported family from a file.
 * @throws BindError naming all that is missing, unused or of another shape; for a BOS, padding
 * or decoder start id without a row in the token embeddings
 */
export async function loadLanguage(
  source: WeightSource,
  config: LanguageConfig,
  options: LoadLanguageOptions = {},
): Promise<SyncLanguageModel> {
  checkIds(source, config, options);
  return familyOf(config).load(source, config, options);
}

/** @throws for a BOS, padding or decoder start id without a row in the token embeddings */
function checkIds(source: WeightSource, config: LanguageConfig, { prefix }: LoadLanguageOptions): void {
  const rows = vocabularyRows(source, config, prefix);
  const { bos, pad } = config;
  const ids = { bos, pad, ...('decoderStart' in config && { 'decoder start': config.decoderStart }) };
  const [strange] = Object.entries(ids).filter(([, id]) => id >= rows);
  if (strange) {
    const [name, id] = strange;
    throw new Error(
      `The ${name} token of ${source.origin} is ${id}, and its token embeddings have ${rows} rows; correct the config.`,
    );
  }
}

/**
 * Compares the tensors of a file with those that `loadLanguage` needs; nothing is read or allocated.
 * @throws as `loadLanguage` for special ids without a row
 */
export function compareLanguage(
  source: WeightSource,
  config: LanguageConfig,
  options: LoadLanguageOptions = {},
): Mismatches {
  checkIds(source, config, options);
  const binding = familyOf(config).binding(source, config, options);
  return compare(binding.spec, source, binding.options);
}

/** Describes the parameters of a language model by their names in checkpoints; nothing is allocated. */
export const languageSpec = (config: LanguageConfig): Spec => familyOf(config).spec(config);

/** Gives W, the width of the token embeddings, and so of a soft prompt. */
export const languageWidth = (config: LanguageConfig): number =>
  config.modelType === 'opt' ? config.embeddingSize : config.hiddenSize;

/** Gives V, the number of rows of the token embeddings in a file; published files have more than their config says. */
export function vocabularyRows({ names }: WeightSource, config: LanguageConfig, prefix = ''): number {
  const table = familyOf(config).table((name) => names.has(prefix + name));
  return names.get(prefix + table)?.shape[0] ?? config.vocabSize;
}

/** Tells whether a configuration is that of a decoder-only model or of an encoder with a decoder. */
export const languageKind = (config: LanguageConfig): LanguageModel['kind'] => familyOf(config).kind;

/** Tells which names of a file, without prefix, repeat another of its tensors: a tied head, embeddings under a second name. */
export const languageRepeats = (config: LanguageConfig, has: (name: string) => boolean): ((name: string) => boolean) =>
  familyOf(config).repeats(config, has);
