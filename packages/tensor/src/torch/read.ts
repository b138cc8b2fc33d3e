import type { ByteSource } from '../safetensors/bytes.js';
import { DTYPE_BYTES, widener } from '../safetensors/dtype.js';
import { quote } from '../safetensors/errors.js';
import { readFloats } from '../safetensors/read.js';
import type { Checkpoint } from './checkpoint.js';
import { TorchError } from './errors.js';
import { elementBytes } from './pickle/tensors.js';
import type { TorchTensor } from './pickle/values.js';

/** Where `readTensor` reads. */
export interface ReadFrom {
  readonly source: ByteSource;
  readonly file: string;
  readonly locate: Checkpoint['locate'];
}

/**
 * Reads a tensor's values as float32 in row-major order, whatever its strides are.
 * @throws TorchError for a dtype that has no conversion, or bytes that cannot be read
 */
export async function readTensor(tensor: TorchTensor, name: string, from: ReadFrom): Promise<Float32Array> {
  const { storage, dtype, shape, offset } = tensor;
  const size = shape.reduce((a, b) => a * b, 1);
  if (size === 0) return new Float32Array(0);
  if (!widener(dtype)) {
    const problem = `the tensor ${quote(name)} is ${dtype}, which has no conversion to float32`;
    throw new TorchError(from.file, problem, 'save it as float16');
  }
  const strides = tensor.strides.map((stride, axis) => (shape[axis] === 1 ? 0 : stride));
  const span = 1 + shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis]!, 0); // elements from first to last
  const element = DTYPE_BYTES[dtype];
  const start = (await from.locate(storage.key)) + storage.start * elementBytes(storage) + offset * element;
  const info = { dtype, shape: [span], offset: start, bytes: span * element };
  const values = await readFloats(from.source, from.file, { name, info });
  return isContiguous(shape, strides) ? values : gather(values, shape, strides);
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis]!;
  }
  return true;
}

/** Copied as bits: a float store may change the payload of a NaN. */
function gather(values: Float32Array, shape: readonly number[], strides: readonly number[]): Float32Array {
  const from = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint32Array(shape.reduce((a, b) => a * b, 1));
  const last = shape.length - 1;
  const [width, step] = [shape[last]!, strides[last]!];
  const index = new Array<number>(last).fill(0);
  for (let row = 0, at = 0; row < out.length; row += width) {
    for (let i = 0; i < width; i++) out[row + i] = from[at + i * step]!;
    for (let axis = last - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      at -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return new Float32Array(out.buffer);
}
