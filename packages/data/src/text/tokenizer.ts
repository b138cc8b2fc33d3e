import { type Json, parseJson, show } from '@blip2/tensor';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { platform } from '#platform';
import { checkTokenizer, checkTokenizerConfig, tokenText } from './check/tokenizer.js';

export interface EncodeOptions {
  /** Add what the model expects around a text, such as `[CLS]` and `[SEP]`. Default true. */
  readonly addSpecialTokens?: boolean;
}

export interface DecodeOptions {
  /** Leave out padding, separators and the like. Default true. */
  readonly skipSpecialTokens?: boolean;
}

/** Text to ids and back. Plain to implement, so that a tokenizer of the user's own can stand in. */
export interface Tokenizer {
  encode(text: string, options?: EncodeOptions): number[];
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** Tokens, added ones included. */
  readonly vocabSize: number;
  /** A token's id, undefined where there is no such token. */
  id(token: string): number | undefined;
  /** An id's token as it stands in the vocabulary. */
  token(id: number): string | undefined;
  /** The side where `padBatch` should fill up; the configuration says. */
  readonly paddingSide: 'left' | 'right';
  /** The ids of the tokens that the configuration names `bos_token`, `pad_token` and so on. */
  readonly special: Readonly<Partial<Record<SpecialName, number>>>;
}

const SPECIAL_NAMES = ['bos', 'eos', 'pad', 'unk', 'cls', 'sep', 'mask'] as const;
export type SpecialName = (typeof SPECIAL_NAMES)[number];

/** The two parsed files of a tokenizer: `tokenizer.json` and `tokenizer_config.json`. */
export interface TokenizerFiles {
  readonly tokenizer: object;
  readonly config?: { readonly [key: string]: unknown };
}

export interface TokenizerOptions {
  /**
   * Take regular expressions that no published tokenizer has. Such a one can take for ever on some text: only for files of
   * one's own. Default false.
   */
  readonly trustPatterns?: boolean;
}

/** Files of the largest vocabularies have some 35 MB. */
const LARGEST = { 'tokenizer.json': 100_000_000, 'tokenizer_config.json': 10_000_000 } as const;

/**
 * A tokenizer from the parsed files, which may come from anyone: they are checked before the library reads them.
 * @throws in one sentence that says where something is wrong
 */
export function createTokenizer(files: TokenizerFiles, options: TokenizerOptions = {}): Tokenizer {
  const config: Json = files.config ?? {};
  const library = build(files.tokenizer, config, options);
  const id = (token: string): number | undefined => library.token_to_id(token);
  const special: Partial<Record<SpecialName, number>> = {};
  for (const name of SPECIAL_NAMES) {
    const text = tokenText(config[`${name}_token`]);
    const found = text === undefined ? undefined : id(text);
    if (found !== undefined) special[name] = found;
  }
  return {
    encode: (text, { addSpecialTokens = true } = {}) => idsOf(library, text, addSpecialTokens),
    decode(ids, { skipSpecialTokens = true } = {}) {
      const known = ids.filter((one) => library.id_to_token(one) !== undefined); // tables are padded with rows for no token
      return known.length === 0 ? '' : library.decode(known, { skip_special_tokens: skipSpecialTokens });
    },
    vocabSize: library.get_vocab(true).size,
    id,
    token: (index) => library.id_to_token(index),
    paddingSide: config.padding_side === 'left' ? 'left' : 'right',
    special,
  };
}

function build(tokenizer: object, config: Json, options: TokenizerOptions): Library {
  const checked = checkTokenizer(tokenizer, options);
  // without the setting, transformers 5 leaves the spaces as they are and the library would not
  const settings = { clean_up_tokenization_spaces: false, ...checkTokenizerConfig(config) };
  try {
    return new Library(checked, settings);
  } catch (cause) {
    throw new Error(`The tokenizer cannot be used: ${String((cause as Error)?.message).slice(0, 200)}.`, { cause });
  }
}

function idsOf(library: Library, text: string, special: boolean): number[] {
  let ids: number[];
  try {
    ids = library.encode(text, { add_special_tokens: special }).ids;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new Error(`A text of ${text.length} characters is too long for the tokenizer; cut it.`, { cause });
  }
  if (ids.every(Number.isInteger)) return ids;
  throw new Error(`The tokenizer has no token for a part of ${show(text)}, and none for what is unknown.`);
}

/**
 * The tokenizer of a Hugging Face folder (`tokenizer.json`, `tokenizer_config.json`), or of the two files as parsed
 * JSON. Throws where the folder has no `tokenizer.json`, and in one sentence where something in it is wrong.
 */
export async function loadTokenizer(
  source: string | TokenizerFiles,
  options: TokenizerOptions = {},
): Promise<Tokenizer> {
  if (typeof source !== 'string') return createTokenizer(source, options);
  const tokenizer = await readJson(source, 'tokenizer.json');
  if (!tokenizer)
    throw new Error(`${source} has no tokenizer.json: save the tokenizer with transformers' fast tokenizers.`);
  const config = await readJson(source, 'tokenizer_config.json');
  try {
    return createTokenizer({ tokenizer, ...(config && { config }) }, options);
  } catch (cause) {
    throw new Error(`The tokenizer in ${source} cannot be used. ${(cause as Error).message}`, { cause });
  }
}

async function readJson(folder: string, file: keyof typeof LARGEST): Promise<Json | undefined> {
  const path = platform.join(folder, file);
  const bytes = await platform.readBytes(path, LARGEST[file]);
  return bytes && parseJson(bytes, path);
}
