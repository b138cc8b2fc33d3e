import { createTokenizer, type TokenizerFiles } from '@blip2/data';
import { isJson } from '../model/files.js';

/** The token with which BLIP-2's captions begin; it has the row after those of BERT. */
const START = '[DEC]';

/**
 * BERT's tokenizer as stage 1 uses it: with `[DEC]` as its bos.
 * @param rows of the table of words, which must be as many as the tokens
 * @throws for a tokenizer of another size
 */
export function withDecoderToken(files: TokenizerFiles, rows: number): TokenizerFiles {
  const { vocabSize, id } = createTokenizer(files);
  const config = { ...files.config, bos_token: START };
  if (id(START) !== undefined) return { ...files, config };
  if (vocabSize !== rows - 1) {
    throw new Error(
      `The tokenizer has ${vocabSize} tokens and no ${START}, but the table of words has ${rows} rows; give bert-base-uncased's.`,
    );
  }
  const { added_tokens: added } = files.tokenizer as { added_tokens?: unknown };
  const token = { id: vocabSize, content: START, single_word: false, lstrip: false, rstrip: false, normalized: false };
  const { added_tokens_decoder: decoder } = config as { added_tokens_decoder?: unknown };
  const { id: number, ...entry } = { ...token, special: true };
  return {
    tokenizer: {
      ...files.tokenizer,
      added_tokens: [...(Array.isArray(added) ? added : []), { ...token, special: true }],
    },
    config: { ...config, ...(isJson(decoder) && { added_tokens_decoder: { ...decoder, [number]: entry } }) },
  };
}
