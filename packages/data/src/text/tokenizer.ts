import { type Json, parseJson, show } from '@blip2/tensor';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import { platform } from '#platform';
import { checkTokenizer, checkTokenizerConfig, tokenText } from './check/tokenizer.js';

/** Options of {@link Tokenizer.encode}. */
export interface EncodeOptions {
  /** Whether special tokens that the model expects, such as `[CLS]` and `[SEP]`, are added. Default true. */
  readonly addSpecialTokens?: boolean;
}

/** Options of {@link Tokenizer.decode}. */
export interface TokenDecodeOptions {
  /** Whether special tokens, such as padding and separators, are left out. Default true. */
  readonly skipSpecialTokens?: boolean;
}

/** A tokenizer: converts text to token ids and back. Any object with these members can be used. */
export interface Tokenizer {
  /** Converts a text to token ids. */
  encode(text: string, options?: EncodeOptions): number[];
  /** Converts token ids to a text. */
  decode(ids: readonly number[], options?: TokenDecodeOptions): string;
  /** Number of tokens, added tokens included. */
  readonly vocabSize: number;
  /** Returns the id of a token, or undefined where the vocabulary lacks it. */
  id(token: string): number | undefined;
  /** Returns the token of an id as the vocabulary spells it, or undefined where there is none. */
  token(id: number): string | undefined;
  /** Side that {@link padBatch} should pad, as `tokenizer_config.json` says. */
  readonly paddingSide: 'left' | 'right';
  /** Ids of the special tokens that `tokenizer_config.json` names: `bos` for `bos_token`, and so on. */
  readonly special: Readonly<Partial<Record<SpecialName, number>>>;
}

const SPECIAL_NAMES = ['bos', 'eos', 'pad', 'unk', 'cls', 'sep', 'mask'] as const;
/** Names of special tokens, as in `tokenizer_config.json` without `_token`. */
export type SpecialName = (typeof SPECIAL_NAMES)[number];

/** The parsed files of a Hugging Face tokenizer. */
export interface TokenizerFiles {
  /** Content of `tokenizer.json`. */
  readonly tokenizer: object;
  /** Content of `tokenizer_config.json`. */
  readonly config?: { readonly [key: string]: unknown };
}

/** Options of {@link loadTokenizer} and {@link createTokenizer}. */
export interface TokenizerOptions {
  /**
   * Whether regular expressions that no published tokenizer has are accepted. Such an expression may take exponential
   * time on some text: only for files that you trust. Default false.
   */
  readonly trustPatterns?: boolean;
}

/** The largest published files have about 35 MB. */
const LARGEST = { 'tokenizer.json': 100_000_000, 'tokenizer_config.json': 10_000_000 } as const;

/**
 * Creates a tokenizer from parsed files. They may be untrusted: they are validated before `@huggingface/tokenizers` reads
 * them.
 * @throws Error naming the field that is invalid
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
      const known = ids.filter((index) => library.id_to_token(index) !== undefined); // embedding tables may have rows without a token
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
    throw new Error(`A text of ${text.length} characters is too long for the tokenizer: shorten it.`, { cause });
  }
  if (ids.every(Number.isInteger)) return ids;
  throw new Error(
    `The tokenizer has no token for a part of ${show(text)}, and no unknown token: use characters of its vocabulary.`,
  );
}

/**
 * Reads `tokenizer.json` and `tokenizer_config.json` of a folder as parsed JSON, or derives them from a GGUF file; parsed files
 * are returned as they are.
 * @param source path or `file:` URL of the folder or of the GGUF file, or the parsed files
 * @throws Error where the folder has no `tokenizer.json`, and GgufError
 */
export async function readTokenizerFiles(source: string | URL | TokenizerFiles): Promise<TokenizerFiles> {
  if (typeof source !== 'string' && 'tokenizer' in source) return source;
  const folder = platform.locate(source);
  if (/\.gguf$/i.test(folder)) return ofGguf(folder);
  const tokenizer = await readJson(folder, 'tokenizer.json');
  if (!tokenizer)
    throw new Error(`${folder} has no tokenizer.json: save the tokenizer with transformers' fast tokenizers.`);
  const config = await readJson(folder, 'tokenizer_config.json');
  return { tokenizer, ...(config && { config }) };
}

async function ofGguf(file: string): Promise<TokenizerFiles> {
  const { ggufTokenizer, openGguf } = await import('@blip2/tensor/gguf');
  const source = await openGguf(file);
  try {
    return ggufTokenizer(source);
  } finally {
    await source.close();
  }
}

/**
 * Loads the tokenizer of a Hugging Face folder (`tokenizer.json`, `tokenizer_config.json`) or of a GGUF file, or creates one
 * from the two files as parsed JSON.
 * @param source path or `file:` URL of the folder or of the GGUF file, or the parsed files
 * @throws Error where the folder has no `tokenizer.json`, or naming the field that is invalid
 */
export async function loadTokenizer(
  source: string | URL | TokenizerFiles,
  options: TokenizerOptions = {},
): Promise<Tokenizer> {
  const files = await readTokenizerFiles(source);
  if (files === source) return createTokenizer(files, options);
  try {
    return createTokenizer(files, options);
  } catch (cause) {
    const place = platform.locate(source as string | URL);
    throw new Error(`The tokenizer in ${place} cannot be used. ${(cause as Error).message}`, { cause });
  }
}

async function readJson(folder: string, file: keyof typeof LARGEST): Promise<Json | undefined> {
  const path = platform.join(folder, file);
  const bytes = await platform.readBytes(path, LARGEST[file]);
  return bytes && parseJson(bytes, path);
}
