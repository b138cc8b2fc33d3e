import { createTokenizer, type TokenizerFiles } from './tokenizer.js';
import { DECODER_START } from './word-piece.js';

/** Adds a special token to the files of a tokenizer. */
export function withToken({ tokenizer, config }: TokenizerFiles, content: string, id: number): TokenizerFiles {
  const token = { content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const { added_tokens: added } = tokenizer as { added_tokens?: unknown };
  const decoder = config?.added_tokens_decoder;
  return {
    tokenizer: { ...tokenizer, added_tokens: [...(Array.isArray(added) ? added : []), { id, ...token }] },
    ...(config && {
      config: typeof decoder === 'object' ? { ...config, added_tokens_decoder: { ...decoder, [id]: token } } : config,
    }),
  };
}

/**
 * Gives BERT's tokenizer a BOS token where it has none: `[DEC]`, with which BLIP-2 starts captions in the first stage, at the id
 * after the last (LAVIS, `Blip2Base.init_tokenizer`).
 */
export function withDecoderToken(files: TokenizerFiles): TokenizerFiles {
  const { special, vocabSize, id } = createTokenizer(files);
  if (special.bos !== undefined) return files;
  const named = { ...files, config: { ...files.config, bos_token: DECODER_START } };
  return id(DECODER_START) === undefined ? withToken(named, DECODER_START, vocabSize) : named;
}
