import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { TokenizerFiles } from '@blip2/data';
import type { WeightSource } from '@blip2/tensor';
import { type TensorEntry, writeShardedSafetensors } from '@blip2/tensor/safetensors';
import { type ResolveOptions, resolveModel } from '../hub/index.js';
import { isFile, isFolder, type Json } from '../model/files.js';
import { folderFor } from '../model/load.js';
import { type Counted, counted } from '../model/sources.js';
import { stageFolder, writeJson } from '../model/staged-folder.js';
import { writeTokenizer } from '../model/tokenizer-files.js';
import { fromHuggingFace } from './from-hugging-face.js';
import { fromLavis } from './from-lavis.js';

/** How numbers are stored. */
export const dtypes = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;
export type StoredDtype = keyof typeof dtypes;

export interface ConvertOptions extends ResolveOptions {
  /** The frozen image encoder of a LAVIS checkpoint, which the checkpoint leaves out: a file of LAVIS or a folder. */
  readonly vision?: string | undefined;
  /** The folder of the frozen language model of a LAVIS stage 2. */
  readonly language?: string | undefined;
  /** A folder with a tokenizer. Default: the language model's. */
  readonly tokenizer?: string | undefined;
  /** What is laid over the `config.json` that the weights show, such as numbers of heads. */
  readonly config?: Json | undefined;
  /** Default: half precision stays as it is, everything else becomes float32. */
  readonly dtype?: StoredDtype | undefined;
  readonly onProgress?: ((progress: Counted) => void) | undefined;
}

export interface Converted {
  readonly in: string;
  readonly out: string;
  /** Of all files of the folder. */
  readonly bytes: number;
}

/** A model that is about to be written. */
export interface Draft {
  readonly source: WeightSource;
  readonly config: Json;
  /** More files of the folder, as parsed JSON by name. */
  readonly files: Readonly<Record<string, Json>>;
  readonly tokenizer?: TokenizerFiles;
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
  if (await isFolder(from)) return fromHuggingFace(await folderFor(from), options);
  if (await isFile(from)) {
    const { vision, language, tokenizer } = options;
    const parts = { vision: await here(vision), language: await here(language), tokenizer: await here(tokenizer) };
    return fromLavis(from, { ...options, ...parts });
  }
  throw new Error(`There is no file or folder '${from}'; give a checkpoint of LAVIS or a Hugging Face folder.`);
}

async function write(folder: string, draft: Draft, { dtype, onProgress, signal }: ConvertOptions): Promise<void> {
  const source = onProgress ? counted(draft.source, onProgress) : draft.source;
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
  await stageFolder(folder, async (temporary) => {
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
