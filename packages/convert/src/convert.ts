import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { resolveModel } from '@blip2/hub';
import { modelFolder } from '@blip2/models';
import { replaceFolder, withProgress, writeJson, writeTokenizer } from '@blip2/models/folder';
import { isFile, isFolder } from '@blip2/tensor/files';
import { type TensorEntry, writeShardedSafetensors } from '@blip2/tensor/safetensors';
import { type ConvertOptions, type Draft, dtypes, type StoredDtype } from './draft.js';
import { fromHuggingFace } from './from-hugging-face.js';
import { fromLavis } from './from-lavis.js';

export interface Converted {
  readonly in: string;
  readonly out: string;
  /** Of all files of the folder. */
  readonly bytes: number;
}

const names: Readonly<Record<StoredDtype, string>> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' };

/**
 * Writes a Hugging Face folder from a LAVIS checkpoint (`.pth`, with the encoder's file and the language model's folder
 * beside it) or from another Hugging Face folder, of a training run the later stage's. Folders may be names on the hub,
 * which are downloaded first. One tensor at a time is in memory; the folder appears whole or not at
 * all, and what does not fit its config is told before anything is written.
 * @throws one sentence for what is missing, does not fit, or cannot be read or written
 */
export async function convertModel(from: string, to: string, options: ConvertOptions = {}): Promise<Converted> {
  if (resolve(from) === resolve(to))
    throw new Error(`'${to}' is what is to be converted; name another folder to write.`);
  const draft = await open(from, options);
  try {
    await write(to, draft, options);
  } finally {
    await draft.source.close();
  }
  return { in: from, out: to, bytes: await sizeOf(to) };
}

async function open(model: string, options: ConvertOptions): Promise<Draft> {
  const here = async (name: string | undefined) => (name === undefined ? undefined : resolveModel(name, options));
  const from = await resolveModel(model, options);
  if (await isFolder(from)) return fromHuggingFace(await modelFolder(from), options);
  if (await isFile(from)) {
    const { vision, language, tokenizer } = options;
    const parts = { vision: await here(vision), language: await here(language), tokenizer: await here(tokenizer) };
    return fromLavis(from, { ...options, ...parts });
  }
  throw new Error(`There is no file or folder '${from}'; give a checkpoint of LAVIS or a Hugging Face folder.`);
}

async function write(folder: string, draft: Draft, { dtype, onProgress, signal }: ConvertOptions): Promise<void> {
  const source = onProgress ? withProgress(draft.source, onProgress) : draft.source;
  const entries = [...source.names].map(
    ([name, info]): TensorEntry => ({
      name,
      shape: info.shape,
      dtype: dtype ? dtypes[dtype] : info.dtype === 'F16' || info.dtype === 'BF16' ? info.dtype : 'F32',
      data: () => source.read(name),
    }),
  );
  const { torch_dtype, ...config } = draft.config;
  const told = dtype ? names[dtype] : (config.dtype ?? torch_dtype);
  await replaceFolder(folder, async (temporary) => {
    await writeShardedSafetensors(temporary, entries, { metadata: { format: 'pt' }, ...(signal && { signal }) });
    if (draft.tokenizer) await writeTokenizer(temporary, draft.tokenizer);
    for (const [file, json] of Object.entries(draft.files)) await writeJson(join(temporary, file), json);
    await writeJson(join(temporary, 'config.json'), { ...config, ...(told !== undefined && { dtype: told }) });
    signal?.throwIfAborted();
  });
}

async function sizeOf(folder: string): Promise<number> {
  const files = await readdir(folder);
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
