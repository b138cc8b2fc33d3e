import { createTokenizer, type TokenizerFiles } from '@blip2/data';
import { IMAGE_TOKEN, withImageToken } from '@blip2/models/folder';
import { isJson } from '@blip2/tensor';

/** The token that starts captions in stage 1; its embedding follows those of BERT's tokens. */
const START = '[DEC]';

/**
 * Adds `[DEC]` to BERT's tokenizer as its BOS token, as stage 1 uses it.
 * @param rows of the word embeddings, which must equal the number of tokens
 * @throws for a tokenizer of another size
 */
export function withDecoderToken(files: TokenizerFiles, rows: number): TokenizerFiles {
  const { vocabSize, id } = createTokenizer(files);
  const named = { ...files, config: { ...files.config, bos_token: START } };
  if (id(START) !== undefined) return named;
  if (vocabSize === rows - 1) return withToken(named, START, vocabSize);
  throw new Error(
    `The tokenizer has ${vocabSize} tokens and no ${START}, but the word embeddings have ${rows} rows; give the tokenizer of bert-base-uncased.`,
  );
}

/**
 * Adds `<image>` to a language model's tokenizer as the published folders have it: at the first padded row of the
 * vocabulary, or, where it is not padded, in place of a special token that is never used.
 * @param rows of the language model's token embeddings
 */
export function withImageRow(files: TokenizerFiles, rows: number): TokenizerFiles {
  const tokenizer = createTokenizer(files);
  const { vocabSize, id, token } = tokenizer;
  const free = vocabSize < rows && token(vocabSize) === undefined;
  if (id(IMAGE_TOKEN) !== undefined || !free) return withImageToken(files, tokenizer);
  return withToken(files, IMAGE_TOKEN, vocabSize);
}

function withToken({ tokenizer, config }: TokenizerFiles, content: string, id: number): TokenizerFiles {
  const token = { content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const { added_tokens: added } = tokenizer as { added_tokens?: unknown };
  const decoder = config?.added_tokens_decoder;
  return {
    tokenizer: { ...tokenizer, added_tokens: [...(Array.isArray(added) ? added : []), { id, ...token }] },
    ...(config && {
      config: isJson(decoder) ? { ...config, added_tokens_decoder: { ...decoder, [id]: token } } : config,
    }),
  };
}
