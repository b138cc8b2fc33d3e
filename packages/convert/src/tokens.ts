import { createTokenizer, type TokenizerFiles } from '@blip2/data';
import { IMAGE_TOKEN, withImageToken } from '@blip2/models/folder';
import { isJson } from '@blip2/tensor';

/** The token with which BLIP-2's captions begin; it has the row after those of BERT. */
const START = '[DEC]';

/**
 * BERT's tokenizer as stage 1 uses it: with `[DEC]` as its bos.
 * @param rows of the table of words, which must be as many as the tokens
 * @throws for a tokenizer of another size
 */
export function withDecoderToken(files: TokenizerFiles, rows: number): TokenizerFiles {
  const { vocabSize, id } = createTokenizer(files);
  const named = { ...files, config: { ...files.config, bos_token: START } };
  if (id(START) !== undefined) return named;
  if (vocabSize === rows - 1) return withToken(named, START, vocabSize);
  throw new Error(
    `The tokenizer has ${vocabSize} tokens and no ${START}, but the table of words has ${rows} rows; give bert-base-uncased's.`,
  );
}

/**
 * A language model's tokenizer that knows `<image>`, as the published folders have it: in the first row that no token has,
 * or, in a table without such rows, in place of a spare token.
 * @param rows of the language model's table
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
