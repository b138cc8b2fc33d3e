import { type ByteSource, type Bytes, byteSource, fileSource, node, readExactly } from '../safetensors/bytes.js';
import type { Dtype } from '../safetensors/dtype.js';
import { quote } from '../safetensors/errors.js';
import type { WeightSource } from '../weights.js';
import { openArchive } from './archive.js';
import { asTorchError, TorchError } from './errors.js';
import { openLegacy } from './legacy.js';
import { tensorsOf } from './names.js';
import { readTensor } from './read.js';

export interface OpenTorchOptions {
  /** The key under which the tensors are. Default: the first of `model`, `state_dict` and `module` that is there, else ''. */
  readonly root?: string;
  /** How errors name what is in memory; default 'torch'. */
  readonly name?: string;
}

/** Named tensors of a file of torch.save, read one at a time. */
export interface TorchSource extends WeightSource {
  readonly names: ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype: Dtype }>;
  /** The tensor as float32, row-major whatever its strides are; the array belongs to the caller. */
  read(name: string): Promise<Float32Array>;
}

/**
 * Opens a `.pth`, `.pt` or `.bin` as `torch.save` writes it: a checkpoint or a `state_dict()`, in the zip format or the
 * older one.
 *
 * Such a file is a pickle, which in Python is a program. Here a reader of its own builds plain containers, numbers, texts
 * and tensors of it, and refuses everything else by name; nothing is ever evaluated. Sizes are checked against the file
 * before anything is allocated, and a tensor's data are read only when asked for, from their place.
 *
 * @param source path (Node), or bytes, a `Blob`, or positioned reads of one's own
 * @throws TorchError with the file's name, what is wrong and what to do
 */
export async function openTorch(source: string | URL | Bytes, options: OpenTorchOptions = {}): Promise<TorchSource> {
  const file = typeof source === 'string' || source instanceof URL ? String(source) : (options.name ?? 'torch');
  try {
    return await openSource(await bytesOf(source), file, options.root);
  } catch (cause) {
    throw asTorchError(file, cause);
  }
}

async function bytesOf(source: string | URL | Bytes): Promise<ByteSource> {
  if (source instanceof URL) return fileSource((await node(source.href)).url.fileURLToPath(source));
  return typeof source === 'string' ? fileSource(source) : byteSource(source);
}

async function openSource(source: ByteSource, file: string, root?: string): Promise<TorchSource> {
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await source.close();
  };
  try {
    const { value, locate } = await (await opener(source, file))(source, file);
    const fail = (problem: string, remedy = 'take another file') => new TorchError(file, problem, remedy);
    const names = tensorsOf(value, fail, root);
    const read = async (name: string): Promise<Float32Array> => {
      if (closed) throw new TorchError(file, 'it is closed', 'read before close()');
      const tensor = names.get(name);
      if (!tensor) throw new TorchError(file, `there is no tensor ${quote(name)}`, 'see names for those there are');
      return readTensor(tensor, name, { source, file, locate }).catch((cause: unknown) => {
        throw asTorchError(file, cause);
      });
    };
    return { origin: file, names, read, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function opener(source: ByteSource, file: string): Promise<typeof openArchive> {
  const start = await readExactly(source, file, [0, Math.min(4, source.size)]);
  const [first, second] = start;
  if (first === 0x50 && second === 0x4b) return openArchive; // 'PK'
  if (first === 0x80) return openLegacy;
  const remedy = 'give a file of torch.save; safetensors have a reader of their own';
  throw new TorchError(file, 'it is neither a zip archive nor a pickle', remedy);
}
