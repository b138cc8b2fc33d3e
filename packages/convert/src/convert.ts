import { resolveModel } from '@blip2/hub';
import { modelFolder } from '@blip2/models';
import {
  quantizationJson,
  replaceFolder,
  storedEntry,
  withProgress,
  writeJson,
  writeTokenizer,
} from '@blip2/models/folder';
import {
  dirname,
  fileStatus,
  isFile,
  isFolder,
  join,
  listFolder,
  makeFolder,
  resolve,
  toPath,
} from '@blip2/tensor/files';
import { type TensorEntry, writeShardedSafetensors } from '@blip2/tensor/safetensors';
import { fromHuggingFace } from './from-hugging-face.js';
import { fromLavis } from './from-lavis.js';
import { type ConvertOptions, dtypes, type ModelFiles, type StoredDtype } from './options.js';
import { frozenNames, packedEntry, quantizationFor } from './quantize.js';

/** The result of `convertModel`. */
export interface ConvertResult {
  /** What was converted. */
  readonly in: string;
  /** The folder that was written. */
  readonly out: string;
  /** The size of the folder. */
  readonly bytes: number;
}

const names: Readonly<Record<StoredDtype, string>> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' };

/**
 * Converts a LAVIS checkpoint or a Hugging Face folder to a Hugging Face folder. One tensor at a time is in memory. The
 * names and shapes of all tensors are checked first, and the folder is written as a whole or not at all. With `quantize` the
 * matrices of image encoder and language model are packed; what is packed already stays so unless `dtype` is given.
 * @param from a LAVIS checkpoint (`.pth`), a Hugging Face folder, a training run's folder (of which the later stage is
 * converted), or a hub name; paths may be `file:` URLs
 * @param to the folder to write
 * @throws for an input that is missing, does not match its config, or cannot be read, and for a folder that cannot be
 * written
 */
export async function convertModel(
  from: string | URL,
  to: string | URL,
  options: ConvertOptions = {},
): Promise<ConvertResult> {
  const [input, out] = [toPath(from), toPath(to)];
  if (resolve(input) === resolve(out)) {
    throw new Error(`'${out}' is the input of the conversion; name another folder to write.`);
  }
  const model = await open(from, options);
  try {
    await write(out, model, options);
  } finally {
    await model.source.close();
  }
  return { in: input, out, bytes: await sizeOf(out) };
}

async function open(model: string | URL, options: ConvertOptions): Promise<ModelFiles> {
  const local = async (name: string | URL | undefined) =>
    name === undefined ? undefined : resolveModel(name, options);
  const from = await resolveModel(model, options);
  if (await isFolder(from)) return fromHuggingFace(await modelFolder(from), options);
  if (await isFile(from)) {
    const { vision, language, tokenizer } = options;
    const parts = { vision: await local(vision), language: await local(language), tokenizer: await local(tokenizer) };
    return fromLavis(from, { ...options, ...parts });
  }
  throw new Error(`There is no file or folder '${from}'; give a checkpoint of LAVIS or a Hugging Face folder.`);
}

async function write(folder: string, model: ModelFiles, options: ConvertOptions): Promise<void> {
  const { dtype, onProgress, signal } = options;
  const source = onProgress ? withProgress(model.source, onProgress) : model.source;
  const { torch_dtype, quantization_config, ...rest } = model.config;
  const quantization = quantizationFor(model, options);
  const kept = dtype ? {} : quantization_config !== undefined ? { quantization_config } : {};
  const config = { ...rest, ...(quantization ? { quantization_config: quantizationJson(quantization) } : kept) };
  const entries = [...source.names].map(
    ([name, info]): TensorEntry =>
      quantization
        ? packedEntry(source, name, { quantization, isFrozen: frozenNames(model.config) })
        : dtype
          ? { name, shape: info.shape, dtype: dtypes[dtype], data: () => source.read(name) }
          : storedEntry(source, [name, info]),
  );
  const stored = dtype ? names[dtype] : (rest.dtype ?? torch_dtype);
  await replaceFolder(folder, async (temporary) => {
    await writeShardedSafetensors(temporary, entries, { metadata: { format: 'pt' }, ...(signal && { signal }) });
    if (model.tokenizer) await writeTokenizer(temporary, model.tokenizer);
    for (const [file, json] of Object.entries(model.files)) {
      await makeFolder(dirname(join(temporary, file)));
      await writeJson(join(temporary, file), json);
    }
    await writeJson(join(temporary, 'config.json'), { ...config, ...(stored !== undefined && { dtype: stored }) });
    signal?.throwIfAborted();
  });
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const { name, kind } of await listFolder(folder)) {
    const path = join(folder, name);
    if (kind === 'folder') bytes += await sizeOf(path);
    else if (kind === 'file') bytes += (await fileStatus(path)).size;
  }
  return bytes;
}
