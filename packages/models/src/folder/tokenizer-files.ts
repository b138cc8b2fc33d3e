import { join } from 'node:path';
import type { TokenizerFiles } from '@blip2/data';
import { readJson } from '@blip2/tensor/files';
import { writeJson } from './atomic-folder.js';

/** A tokenizer's two files as parsed JSON. @throws for a folder without them */
export async function readTokenizerFiles(from: string | TokenizerFiles): Promise<TokenizerFiles> {
  if (typeof from !== 'string') return from;
  const tokenizer = await readJson(join(from, 'tokenizer.json'));
  if (!tokenizer) throw new Error(`'${from}' holds no tokenizer.json; give the folder of a tokenizer.`);
  const config = await readJson(join(from, 'tokenizer_config.json'));
  return { tokenizer, ...(config && { config }) };
}

export async function writeTokenizer(folder: string, { tokenizer, config = {} }: TokenizerFiles): Promise<void> {
  await writeJson(join(folder, 'tokenizer.json'), tokenizer);
  await writeJson(join(folder, 'tokenizer_config.json'), config);
}
