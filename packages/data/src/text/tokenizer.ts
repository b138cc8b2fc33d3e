import { Tokenizer as Library } from '@huggingface/tokenizers';
import { platform } from '#platform';

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

async function readJson(folder: string, file: string): Promise<Record<string, unknown> | undefined> {
  const path = platform.join(folder, file);
  const bytes = await platform.readBytes(path);
  if (!bytes) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new Error(`${path} is not JSON: download it again.`);
  }
}

/** A token in a configuration is a text, or an object with the text as its `content`. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'content' in value) return tokenText(value.content);
  return undefined;
}

/** A tokenizer from the parsed files. */
export function createTokenizer({ tokenizer, config = {} }: TokenizerFiles): Tokenizer {
  // without the setting, transformers 5 leaves the spaces as they are and the library would not
  const library = new Library(tokenizer, { clean_up_tokenization_spaces: false, ...config });
  const id = (token: string): number | undefined => library.token_to_id(token);
  const special: Partial<Record<SpecialName, number>> = {};
  for (const name of SPECIAL_NAMES) {
    const text = tokenText(config[`${name}_token`]);
    const found = text === undefined ? undefined : id(text);
    if (found !== undefined) special[name] = found;
  }
  return {
    encode: (text, { addSpecialTokens = true } = {}) =>
      library.encode(text, { add_special_tokens: addSpecialTokens }).ids,
    decode: (ids, { skipSpecialTokens = true } = {}) =>
      ids.length === 0 ? '' : library.decode([...ids], { skip_special_tokens: skipSpecialTokens }),
    vocabSize: library.get_vocab(true).size,
    id,
    token: (index) => library.id_to_token(index),
    paddingSide: config.padding_side === 'left' ? 'left' : 'right',
    special,
  };
}

/**
 * The tokenizer of a Hugging Face folder (`tokenizer.json`, `tokenizer_config.json`), or of the two files as parsed
 * JSON. Throws where the folder has no `tokenizer.json`.
 */
export async function loadTokenizer(source: string | TokenizerFiles): Promise<Tokenizer> {
  if (typeof source !== 'string') return createTokenizer(source);
  const tokenizer = await readJson(source, 'tokenizer.json');
  if (!tokenizer)
    throw new Error(`${source} has no tokenizer.json: save the tokenizer with transformers' fast tokenizers.`);
  const config = await readJson(source, 'tokenizer_config.json');
  return createTokenizer({ tokenizer, ...(config && { config }) });
}
