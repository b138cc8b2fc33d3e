import { type Json, show } from '@blip2/tensor';
import { checkComponents, decoders, normalizers, preTokenizers } from './components.js';
import { checkFields, count, flag, list, record, someText } from './fields.js';
import { checkModel, MOST_TOKENS } from './model.js';
import type { PatternOptions } from './patterns.js';
import { postProcessors } from './post-processors.js';

const MOST_ADDED = 2 ** 14;
/** The library builds a tree with a node for each letter. */
const MOST_LETTERS = 2 ** 17;

const addedToken = {
  id: count(0, MOST_TOKENS - 1),
  content: someText,
  single_word: flag,
  lstrip: flag,
  rstrip: flag,
  normalized: flag,
  special: flag,
};

/**
 * Validates a parsed `tokenizer.json`, so that no file makes the library fail, hang or exhaust memory: only known
 * components, field types, bounded ids and known regular expressions pass.
 * @returns the fields that the library reads, and no others
 * @throws Error naming the field that is invalid
 */
export function checkTokenizer(file: unknown, options: PatternOptions = {}): object {
  const json = record(file, 'file');
  const { model, tokens } = checkModel(json.model);
  const added = addedTokens(json.added_tokens);
  const names = new Set(added.map(({ content }) => content));
  const has = (token: string): boolean => tokens.has(token) || names.has(token);
  const { normalizer = null, pre_tokenizer = null, post_processor = null, decoder = null } = json;
  checkComponents(normalizer, 'normalizer', normalizers(options));
  checkComponents(pre_tokenizer, 'pre_tokenizer', preTokenizers(options));
  checkComponents(post_processor, 'post_processor', postProcessors(has));
  checkComponents(decoder, 'decoder', decoders(options));
  return { model, added_tokens: added, normalizer, pre_tokenizer, post_processor, decoder };
}

function addedTokens(value: unknown): readonly Json[] {
  let letters = 0;
  return list(value ?? [], 'added_tokens', MOST_ADDED).map((one, i) => {
    const token = record(one, `added_tokens[${i}]`);
    checkFields(token, `added_tokens[${i}]`, addedToken);
    if (token.single_word === true) {
      throw new Error(
        `The tokenizer's added_tokens[${i}] ${show(token.content)} has single_word, which is not supported: set it to false if the token may also occur within words.`,
      );
    }
    letters += (token.content as string).length;
    if (letters > MOST_LETTERS) throw new Error(`The tokenizer's added_tokens have more than ${MOST_LETTERS} letters.`);
    return token;
  });
}

/** Fields of `tokenizer_config.json` that the library reads. */
const settings = { clean_up_tokenization_spaces: flag, remove_space: flag, do_lowercase_and_remove_accent: flag };

/** Returns the text of a token in a configuration: a string, or an object whose `content` is the text. */
export function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const content = typeof value === 'object' && value !== null && 'content' in value ? value.content : undefined;
  return typeof content === 'string' ? content : undefined;
}

/**
 * Returns the fields of a `tokenizer_config.json` that the library reads.
 * @throws Error naming the field that is invalid
 */
export function checkTokenizerConfig(config: Json): object {
  checkFields(config, 'config', settings);
  const known = Object.keys(settings).filter((key) => (config[key] ?? null) !== null);
  const special = list(config.additional_special_tokens ?? [], 'config.additional_special_tokens', MOST_ADDED);
  return {
    ...Object.fromEntries(known.map((key) => [key, config[key]])),
    additional_special_tokens: special.map((token, i) => {
      const text = tokenText(token);
      if (text !== undefined) return text;
      throw new Error(`The tokenizer's config.additional_special_tokens[${i}] must be a token, not ${show(token)}.`);
    }),
    eos_token: tokenText(config.eos_token),
  };
}
