import type { Tokenizer, TokenizerFiles } from '@blip2/data';
import { isJson, type Json } from '@blip2/tensor';

/** What Hugging Face's processor looks up in a tokenizer, for the ids that stand for an image's vectors. */
export const IMAGE_TOKEN = '<image>';

/** Special tokens of OPT that its texts never hold. */
const spare = ['<s>', '<unk>'];

/**
 * A language model's tokenizer that knows `<image>`: one of its spare special tokens is called so where it does not. A
 * token of its own would need a row in the frozen tables, and with it change what the model says. Without a spare one the
 * files are given back as they are.
 */
export function withImageToken(files: TokenizerFiles, tokenizer: Tokenizer): TokenizerFiles {
  if (tokenizer.id(IMAGE_TOKEN) !== undefined) return files;
  const used = Object.values(tokenizer.special);
  const free = spare.find((token) => {
    const id = tokenizer.id(token);
    return id !== undefined && !used.includes(id);
  });
  if (free === undefined) return files;
  const { added_tokens: added, model } = files.tokenizer as { added_tokens?: unknown; model?: Json };
  const vocab = isJson(model?.vocab) ? renameKey(model.vocab, free) : model?.vocab;
  const { config } = files;
  const decoder = config?.added_tokens_decoder;
  return {
    tokenizer: {
      ...files.tokenizer,
      added_tokens: Array.isArray(added) ? added.map((token) => renameContent(token, free)) : added,
      model: { ...model, vocab },
    },
    ...(config && {
      config: isJson(decoder)
        ? { ...config, added_tokens_decoder: mapValues(decoder, (token) => renameContent(token, free)) }
        : config,
    }),
  };
}

const renameKey = (vocab: Json, token: string): Json =>
  Object.fromEntries(Object.entries(vocab).map(([key, id]) => [key === token ? IMAGE_TOKEN : key, id]));

const renameContent = (token: unknown, from: string): unknown =>
  isJson(token) && token.content === from ? { ...token, content: IMAGE_TOKEN } : token;

const mapValues = (record: Json, fn: (value: unknown) => unknown): Json =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, fn(value)]));
