import { basename, join } from '../file-system/index.js';
import { huggingFaceWeights, openGguf } from '../gguf/index.js';
import { openSafetensors, type SafetensorsSource } from '../safetensors/index.js';
import { INDEX_FILE, MODEL_FILE } from '../safetensors/sharded.js';
import { openTorch, type TorchSource } from '../torch/index.js';
import type { WeightSource } from '../weights.js';
import { isGguf } from './gguf.js';
import { readJson } from './json.js';
import { isFile, toPath } from './paths.js';
import { expectNoTracesOfOthers } from './quantized-by-others.js';

const TORCH_FILE = 'pytorch_model.bin';
const TORCH_INDEX = `${TORCH_FILE}.index.json`;
const TORCH = /\.(pth|pt|bin|ckpt)$/i;

/**
 * Opens the weights of a model and reads only headers: a file of PyTorch (by its ending), a safetensors file or index, or a
 * folder as transformers saves it, with safetensors or else `pytorch_model.bin`, in one file or in shards; or a GGUF file, by the
 * names of such a folder.
 * @param path path or `file:` URL
 * @throws SafetensorsError, TorchError or GgufError for files that are missing or malformed; Error for shards that do not match their index,
 * and for weights that another program has quantized
 */
export async function openWeights(path: string | URL): Promise<SafetensorsSource | TorchSource | WeightSource> {
  const source = await openAny(toPath(path));
  try {
    expectNoTracesOfOthers(source.names.keys(), source.origin);
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function openAny(file: string): Promise<SafetensorsSource | TorchSource | WeightSource> {
  if (isGguf(file)) return huggingFaceWeights(await openGguf(file));
  if (TORCH.test(file) && (await isFile(file))) return openTorch(file);
  if (await isFile(join(file, MODEL_FILE))) return openSafetensors(file);
  if (await isFile(join(file, INDEX_FILE))) return openSafetensors(file);
  if (await isFile(join(file, TORCH_FILE))) return openTorch(join(file, TORCH_FILE));
  if (await isFile(join(file, TORCH_INDEX))) return openShards(file);
  return TORCH.test(file) ? openTorch(file) : openSafetensors(file);
}

/** Opens the shards of PyTorch files that an index lists. @throws where a shard is missing or holds other tensors */
async function openShards(folder: string): Promise<TorchSource> {
  const origin = join(folder, TORCH_INDEX);
  const fail = (problem: string): Error => new Error(`${origin}: ${problem}; download the index and its shards again.`);
  const map: unknown = (await readJson(origin))?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw fail('it has no weight_map');
  const sources = new Map<string, TorchSource>();
  const close = async (): Promise<void> => {
    for (const source of sources.values()) await source.close();
  };
  try {
    const names = new Map<string, NonNullable<ReturnType<TorchSource['names']['get']>>>();
    const places = new Map<string, TorchSource>();
    for (const [name, shard] of Object.entries(map)) {
      if (typeof shard !== 'string' || basename(shard) !== shard) throw fail(`the shard of '${name}' is no file name`);
      const source = sources.get(shard) ?? (await openTorch(join(folder, shard)));
      sources.set(shard, source);
      const info = source.names.get(name);
      if (!info) throw fail(`'${shard}' does not contain the tensor '${name}'`);
      names.set(name, info);
      places.set(name, source);
    }
    const read = (name: string): Promise<Float32Array> => {
      const source = places.get(name);
      return source ? source.read(name) : Promise.reject(fail(`it lists no tensor '${name}'`));
    };
    return { origin, names, read, close };
  } catch (error) {
    await close();
    throw error;
  }
}
