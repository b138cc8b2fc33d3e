import { dequantize } from '../quantized/dequantize.js';
import type { QuantizedValues } from '../quantized/formats.js';
import { type ByteSource, type Bytes, byteSource, fileSource, readExactly } from '../safetensors/bytes.js';
import { quote, reason } from '../safetensors/errors.js';
import type { WeightSource } from '../weights.js';
import { GgufError } from './errors.js';
import { type GgufTensor, readHeader } from './header.js';
import type { GgufValue } from './metadata.js';
import type { GgufType } from './types.js';

/** The named tensors and the metadata of a GGUF file, each tensor read on request. */
export interface GgufSource extends WeightSource {
  /** Shape, outer axes first, and type of each tensor by name. */
  readonly names: ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype: GgufType }>;
  /** The metadata, such as `general.architecture`. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Reads a tensor as float32, unpacked, into an array that the caller owns. @throws GgufError for an unknown name */
  read(name: string): Promise<Float32Array>;
  /** Reads a matrix as it is packed; undefined for float32 and for what is no matrix. @throws GgufError for an unknown name */
  quantized(name: string): Promise<QuantizedValues | undefined>;
}

/** Options of `openGguf`. */
export interface OpenGgufOptions {
  /** The name of bytes in memory in errors. Default `gguf`. */
  readonly name?: string;
}

/**
 * Opens a GGUF file (versions 2 and 3, little-endian). Only the header is read, and checked completely against the file's
 * actual size, so that untrusted files are safe to open.
 * @param source path or `file:` URL (Node), or the content of the file
 * @throws GgufError for what is malformed, for one part of a split model, and for a tensor of a type that is not read, by name
 */
export async function openGguf(
  source: string | URL | Bytes,
  { name = 'gguf' }: OpenGgufOptions = {},
): Promise<GgufSource> {
  if (typeof source !== 'string' && !(source instanceof URL)) return opened(byteSource(source), name);
  const file = typeof source === 'string' ? source : source.href;
  const bytes = await fileSource(source).catch((cause: unknown) => {
    throw new GgufError(file, `it cannot be opened: ${reason(cause)}`, 'check the path', { cause });
  });
  return opened(bytes, file);
}

async function opened(source: ByteSource, file: string): Promise<GgufSource> {
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await source.close();
  };
  const { metadata, tensors } = await readHeader(source, file).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const find = (name: string): GgufTensor => {
    if (closed) throw new GgufError(file, 'it is closed', 'read before close()');
    const tensor = tensors.get(name);
    if (tensor) return tensor;
    throw new GgufError(file, `there is no tensor ${quote(name)}`, 'choose one of names');
  };
  const packed = async ({ dtype, shape, offset, bytes }: GgufTensor): Promise<QuantizedValues | undefined> => {
    if (dtype === 'F32') return undefined;
    const input = shape[shape.length - 1] as number;
    const output = shape.slice(0, -1).reduce((a, b) => a * b, 1);
    return { format: dtype, shape: [output, input], bytes: await readExactly(source, file, [offset, bytes]) };
  };
  return {
    origin: file,
    names: tensors,
    metadata,
    async read(name) {
      const tensor = find(name);
      const values = await packed(tensor);
      if (values) return dequantize(values);
      return floats(await readExactly(source, file, [tensor.offset, tensor.bytes]));
    },
    async quantized(name) {
      const tensor = find(name);
      return tensor.packed && packed(tensor);
    },
    close,
  };
}

function floats(bytes: Uint8Array): Float32Array {
  if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return new Float32Array(new Uint8Array(bytes).buffer);
}
