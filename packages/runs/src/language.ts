import { createTokenizer, loadTokenizer, type TokenizerFiles } from '@blip2/data';
import type { FrozenModel } from '@blip2/models';
import { type LanguageModelWithTokenizer, loadLanguageModel } from '@blip2/training';
import type { RunConfig } from './config/schema.js';
import { fingerprint, frozenFolders } from './frozen.js';

type LanguageModel = Omit<LanguageModelWithTokenizer, 'tokenizer'>;

/** A language model of your own for a run, in place of the folder that the configuration names. */
export type CustomLanguage = LanguageModel & {
  /** The name by which the trained models refer to it; they hold no weights of it. */
  readonly name: string;
  /** Identifies its weights, such as their SHA-256. Checkpoints are only used with the same one. */
  readonly fingerprint: string;
  /** Its tokenizer, which the trained model keeps: a folder with `tokenizer.json` (a path or a `file:` URL), or the parsed files. */
  readonly tokenizer: string | URL | TokenizerFiles;
};

/** The language model of a run. */
export interface RunLanguage {
  readonly language: LanguageModelWithTokenizer;
  /** Identifies its weights. */
  readonly fingerprint: string;
  /** How the trained model stores it: as a copy of a folder's weights, or by name. */
  readonly frozen: FrozenModel;
  /** The tokenizer that the trained model keeps. */
  readonly tokenizer: string | URL | TokenizerFiles;
  /** Frees the language model, unless it was given. */
  dispose(): void;
}

/** Opens the language model of a run: the given one, or that of the configuration's folder. */
export async function openRunLanguage(
  config: Pick<RunConfig, 'vision' | 'language' | 'bert'>,
  own?: CustomLanguage,
): Promise<RunLanguage> {
  if (own) {
    const { name: external, fingerprint, tokenizer: files } = own;
    const tokenizer =
      typeof files === 'string' || files instanceof URL ? await loadTokenizer(files) : createTokenizer(files);
    return {
      language: withTokenizer(own, tokenizer),
      fingerprint,
      frozen: { external },
      tokenizer: files,
      dispose: () => {},
    };
  }
  const { language: folder } = frozenFolders(config);
  const language = await loadLanguageModel(folder);
  return {
    language,
    fingerprint: await fingerprint(folder),
    frozen: { folder },
    tokenizer: folder,
    dispose: () => language.dispose?.(),
  };
}

/** A language model with another tokenizer. Its functions are called as its own: it may be of a class. */
function withTokenizer(
  model: LanguageModel,
  tokenizer: LanguageModelWithTokenizer['tokenizer'],
): LanguageModelWithTokenizer {
  const { kind, width, vocabSize, ids, maxPositions, lora } = model;
  return {
    ...{ kind, width, vocabSize, ids, maxPositions, tokenizer, ...(lora && { lora }) },
    embed: (tokens) => model.embed(tokens),
    predict: (input) => model.predict(input),
    start: (prompt) => model.start(prompt),
  };
}

/**
 * Puts the name of a given language model into a configuration, as a run stores it.
 * @throws for a language model without a name, a fingerprint or a tokenizer
 */
export function withLanguage<C extends { readonly language: string }>(config: C, own?: CustomLanguage): C {
  if (!own) return config;
  for (const [key, hint] of [
    ['name', 'give one by which the trained models refer to it'],
    ['fingerprint', "give one that changes with its weights, such as their file's SHA-256"],
    ['tokenizer', 'give the folder of its tokenizer.json, or the parsed files'],
  ] as const) {
    if (own[key] === undefined || own[key] === '') {
      throw new Error(`The language model given to this run has no ${key}; ${hint}.`);
    }
  }
  return { ...config, language: own.name };
}
