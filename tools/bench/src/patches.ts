import * as tf from '@tensorflow/tfjs';

interface WasmBackend extends tf.KernelBackend {
  makeOutput(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array | Int32Array;
}

/**
 * What tfjs' wasm backend lacks to train, in plain JavaScript over its heap, so that it can be compared at all.
 * Elsewhere it runs as it is.
 */
export function patchWasm(): void {
  if (tf.getKernel('UnsortedSegmentSum', 'wasm')) return;
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const { x, segmentIds } = inputs as Record<'x' | 'segmentIds', tf.TensorInfo>;
      const { numSegments } = attrs as unknown as { numSegments: number };
      const wasm = backend as WasmBackend;
      const rest = x.shape.slice(segmentIds.shape.length);
      const out = wasm.makeOutput([numSegments, ...rest], x.dtype);
      const [from, ids, to] = [x, segmentIds, out].map((tensor) => wasm.typedArrayFromHeap(tensor)) as [
        Float32Array,
        Int32Array,
        Float32Array,
      ];
      sumRows(from, ids, to);
      return out;
    },
  });
}

/** Row i of `from` is added to row `ids[i]` of `to`; an id outside of it is passed over, as in TensorFlow. */
export function sumRows(from: Float32Array, ids: Int32Array, to: Float32Array): void {
  to.fill(0);
  const width = ids.length === 0 ? 0 : from.length / ids.length;
  for (let i = 0; i < ids.length; i++) {
    const begin = (ids[i] as number) * width;
    if (begin < 0 || begin >= to.length) continue;
    for (let j = 0; j < width; j++) to[begin + j] = (to[begin + j] as number) + (from[i * width + j] as number);
  }
}
