import type { Tokenizer, TokenizerFiles } from '@blip2/data';
import { isJson, type Json } from '@blip2/tensor';
import { join } from '@blip2/tensor/files';
import { writeJson } from './atomic-folder.js';

/** Writes `tokenizer.json` and `tokenizer_config.json` into a folder. */
export async function writeTokenizer(folder: string, { tokenizer, config = {} }: TokenizerFiles): Promise<void> {
  await writeJson(join(folder, 'tokenizer.json'), tokenizer);
  await writeJson(join(folder, 'tokenizer_config.json'), config);
}

/** The token whose ids stand for the soft prompt of an image among the ids of a prompt. */
export const IMAGE_TOKEN = '<image>';

/** Special tokens of OPT that never occur in texts. */
const unused = ['<s>', '<unk>'];

/**
 * Gives a language model's tokenizer the token `<image>` where it has none, by renaming a special token that never occurs
 * in texts: a new token would need a row in the frozen embeddings. Where there is no such token the files are returned
 * unchanged.
 */
export function withImageToken(files: TokenizerFiles, tokenizer: Tokenizer): TokenizerFiles {
  if (tokenizer.id(IMAGE_TOKEN) !== undefined) return files;
  const used = Object.values(tokenizer.special);
  const free = unused.find((token) => {
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
