import type * as tf from '@tensorflow/tfjs';
import type { Kernel } from '../program.js';

// What loads large weights: a buffer without values, and its values piece by piece, so that there is no second copy of them.

/** @throws for more bytes than a shader can read of one buffer on this adapter */
const uninitialized: Kernel = ({ backend, attrs }) => {
  const { shape, dtype } = attrs as { shape: number[]; dtype: 'float32' | 'int32' };
  const bytes = 4 * shape.reduce((a, b) => a * b, 1);
  const { maxStorageBufferBindingSize, maxBufferSize } = backend.device.limits;
  const most = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  if (bytes > most) {
    throw new Error(
      `A tensor of ${bytes} bytes exceeds the ${most} that this GPU binds at once; use the wasm device, or a smaller model.`,
    );
  }
  const out = backend.makeTensorInfo(shape, dtype);
  backend.uploadToGPU(out.dataId as tf.DataId);
  return out;
};

/** Writes `bytes` into the data of x from its byte `at` on, a multiple of 4; every tensor that shares them changes. */
const writeBytes: Kernel = ({ backend, inputs, attrs }) => {
  const x = inputs.x as tf.TensorInfo;
  const { bytes, at } = attrs as { bytes: Uint8Array; at: number };
  const data = backend.tensorMap.get(x.dataId);
  const buffer = data.resource as GPUBuffer | undefined;
  if (!buffer || !Number.isSafeInteger(at) || at < 0 || at % 4 !== 0 || at + bytes.length > buffer.size) {
    throw new Error(
      `WriteBytes of ${at} to ${at + bytes.length} does not fit into the ${buffer?.size ?? 0} bytes of the tensor.`,
    );
  }
  const whole = bytes.length - (bytes.length % 4);
  if (whole > 0) backend.queue.writeBuffer(buffer, at, bytes.buffer as ArrayBuffer, bytes.byteOffset, whole);
  if (whole < bytes.length) {
    const last = new Uint8Array(4);
    last.set(bytes.subarray(whole));
    backend.queue.writeBuffer(buffer, at + whole, last);
  }
  backend.incRef(x.dataId);
  return { ...x };
};

export const writeKernels: Readonly<Record<string, Kernel>> = { Uninitialized: uninitialized, WriteBytes: writeBytes };
