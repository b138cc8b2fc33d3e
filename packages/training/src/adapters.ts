import { type LoraConfig, type LoraSupport, loraSpec } from '@blip2/llm';
import { type Flat, flatten, hash, initialize, keep, type ParamSpec, specLeaves } from '@blip2/tensor';
import { languageOf, type Parts } from './compose.js';
import type { LanguageModelWithTokenizer } from './frozen-models.js';

/** What stands before the language model's paths, as in checkpoints. */
const PREFIX = 'language_model.';

/**
 * Describes the adapters that stage 2 trains, by their names in `parts.adapters`.
 * @throws where the language model takes none, and for targets that match no layer
 */
export function adapterSpecOf(parts: Pick<Parts, 'language'>, config: LoraConfig): Readonly<Record<string, ParamSpec>> {
  const spec = loraSpec(supportOf(parts).layers, config);
  return Object.fromEntries(Object.entries(spec).map(([path, param]) => [PREFIX + path, param]));
}

/** @throws where the language model takes no adapters */
function supportOf(parts: Pick<Parts, 'language'>): LoraSupport {
  const { lora } = languageOf(parts);
  if (lora) return lora;
  throw new Error('The language model takes no LoRA, because it has no `lora`; train without, or give OPT or T5.');
}

/**
 * Initializes the language model's adapters, which then change nothing yet, unless there are some.
 * @throws where those that there are differ from the configuration, and where the language model takes none
 */
export function initializeAdapters(parts: Pick<Parts, 'language' | 'adapters' | 'seed'>, config: LoraConfig): void {
  const { adapters, seed } = parts;
  const spec = loraSpec(supportOf(parts).layers, config);
  const leaves = specLeaves(spec).map(([path, { shape }]) => `${PREFIX}${path} [${shape}]`);
  if (Object.keys(adapters).length > 0) {
    const other = Object.entries(adapters).map(([path, { shape }]) => `${path} [${shape}]`);
    if (leaves.sort().join() === other.sort().join()) return;
    throw new Error('The parts have adapters of another configuration; compose them anew, or train with that one.');
  }
  for (const [path, tensor] of Object.entries(keep(flatten(initialize(spec, hash(seed, 'lora')))))) {
    adapters[PREFIX + path] = tensor;
  }
}

/** Options of `languageWith`. */
export interface AdapterOptions {
  readonly config: LoraConfig;
  /** Seed of the adapters' dropout. Default: no dropout. */
  readonly seed?: number;
}

/** Gives the language model with adapters by the names of `parts.adapters`; other tensors are left out. */
export function languageWith(
  parts: Pick<Parts, 'language'>,
  tensors: Flat,
  options: AdapterOptions,
): LanguageModelWithTokenizer {
  const adapters: Flat = {};
  for (const [path, tensor] of Object.entries(tensors)) {
    if (path.startsWith(PREFIX)) adapters[path.slice(PREFIX.length)] = tensor;
  }
  return { ...supportOf(parts).adapt(adapters, options), tokenizer: languageOf(parts).tokenizer };
}

/**
 * Gives the language model with the adapters that stage 2 trained. It borrows its tensors, and is valid until training goes
 * on.
 * @throws where the parts were composed without a language model, or with one that takes no adapters
 */
export const adaptedLanguage = (
  parts: Pick<Parts, 'language' | 'adapters'>,
  config: LoraConfig,
): LanguageModelWithTokenizer => languageWith(parts, parts.adapters, { config });
