import { createTokenizer, DECODER_START, type TokenizerFiles, withDecoderToken, withToken } from '@blip2/data';
import { IMAGE_TOKEN, withImageToken } from '@blip2/models/folder';

/**
 * Adds `[DEC]` to BERT's tokenizer as its BOS token, as stage 1 uses it.
 * @param rows of the word embeddings, which must equal the number of tokens
 * @throws for a tokenizer of another size
 */
export function withDecoderRow(files: TokenizerFiles, rows: number): TokenizerFiles {
  const { vocabSize, id } = createTokenizer(files);
  if (id(DECODER_START) !== undefined || vocabSize === rows - 1) return withDecoderToken(files);
  throw new Error(
    `The tokenizer has ${vocabSize} tokens and no ${DECODER_START}, but the word embeddings have ${rows} rows; give the tokenizer of bert-base-uncased.`,
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
