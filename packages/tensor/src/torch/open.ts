import { isLfsPointer, LFS_PROBLEM, LFS_REMEDY } from '../config/lfs-pointer.js';
import { type ByteSource, type Bytes, byteSource, fileSource, readExactly, toPath } from '../safetensors/bytes.js';
import type { Dtype } from '../safetensors/dtype.js';
import { quote } from '../safetensors/errors.js';
import type { WeightSource } from '../weights.js';
import { openArchive } from './archive.js';
import { asTorchError, TorchError } from './errors.js';
import { openLegacy } from './legacy.js';
import { tensorsOf } from './names.js';
import { readTensor } from './read.js';

/** Options of `openTorch`. */
export interface OpenTorchOptions {
  /** The key of the checkpoint that holds the tensors. Default: the first of `model`, `state_dict` and `module` that exists, else all. */
  readonly root?: string;
  /** The name of bytes in memory in errors. Default `torch`. */
  readonly name?: string;
}

/** The named tensors of a PyTorch checkpoint, each read on request. */
export interface TorchSource extends WeightSource {
  /** Shape and dtype of each tensor by name. */
  readonly names: ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype: Dtype }>;
  /** Reads a tensor as float32 in row-major order, into an array that the caller owns. @throws TorchError */
  read(name: string): Promise<Float32Array>;
}

/**
 * Opens a PyTorch checkpoint (`.pth`, `.pt`, `.bin`) written by `torch.save`: a `state_dict()` or a dict that contains one, in
 * the zip format or the older one.
 *
 * Such a file is a pickle, which in Python can run code. This reader builds only plain containers, numbers, texts and
 * tensors, and rejects everything else by name; nothing is evaluated. Sizes are checked against the file before anything is
 * allocated, and a tensor's data are read only on request.
 *
 * @param source path or `file:` URL (Node), bytes, a `Blob`, or a custom `ByteSource`
 * @throws TorchError with the file's name, the problem and a remedy
 */
export async function openTorch(source: string | URL | Bytes, options: OpenTorchOptions = {}): Promise<TorchSource> {
  let file = options.name ?? 'torch';
  try {
    if (typeof source !== 'string' && !(source instanceof URL)) {
      return await openSource(byteSource(source), file, options.root);
    }
    file = String(source);
    file = toPath(source);
    return await openSource(await fileSource(file), file, options.root);
  } catch (cause) {
    throw asTorchError(file, cause);
  }
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
      if (!tensor) throw new TorchError(file, `there is no tensor ${quote(name)}`, 'choose one of names');
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
  const start = await readExactly(source, file, [0, Math.min(64, source.size)]);
  const [first, second] = start;
  if (first === 0x50 && second === 0x4b) return openArchive; // 'PK'
  if (first === 0x80) return openLegacy;
  if (isLfsPointer(start)) throw new TorchError(file, LFS_PROBLEM, LFS_REMEDY);
  const remedy = 'give a file written by torch.save; use openSafetensors for safetensors files';
  throw new TorchError(file, 'it is neither a zip archive nor a pickle', remedy);
}
