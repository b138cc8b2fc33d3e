import * as tf from '@tensorflow/tfjs';
import type { ConvAttributes } from './conv.js';
import { fillWith } from './fill.js';
import { allFloat, type FastKernel, sizeOf } from './kernel.js';
import { type Sliding, writeWindows } from './window.js';

// As in assembly/pooling.ts.
const MAX = 0;
const AVERAGE = 1;

function slide(x: tf.TensorInfo, attrs: Record<string, unknown>): Sliding | undefined {
  const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as ConvAttributes & {
    filterSize: number | [number, number];
  };
  const shape = x.shape as [number, number, number, number];
  const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  return sizeOf(x) * sizeOf({ shape: info.outShape }) === 0 ? undefined : info;
}

const work = (info: Sliding): number => sizeOf({ shape: info.outShape }) * info.filterHeight * info.filterWidth * 0.3;

const pool =
  (op: number): FastKernel =>
  ({ backend, wasm, inputs, attrs }) => {
    const x = inputs.x!;
    const info = allFloat(x) ? slide(x, attrs) : undefined;
    if (!info) return undefined;
    const y = backend.output(info.outShape);
    const table = writeWindows(backend.heap, info);
    const pointers = [x, y].map((t) => backend.pointer(t));
    backend.run(wasm.pooling, info.batchSize * info.outHeight, work(info), op, table, ...pointers);
    return y;
  };

const poolGrad =
  (op: number): FastKernel =>
  (call) => {
    const { backend, wasm, inputs, attrs } = call;
    const { dy, input: x, output = x } = inputs as { dy: tf.TensorInfo; input: tf.TensorInfo; output?: tf.TensorInfo };
    const info = allFloat(dy, x, output) ? slide(x, attrs) : undefined;
    if (!info) return undefined;
    const dx = fillWith(call, backend.output(x.shape), 0);
    const table = writeWindows(backend.heap, info);
    const pointers = [dy, x, output, dx].map((t) => backend.pointer(t));
    const items = info.batchSize * Math.ceil(info.inChannels / 16);
    backend.run(wasm.poolingGrad, items, work(info) * 3, op, table, ...pointers);
    return dx;
  };

export const poolingKernels: Record<string, FastKernel> = {
  MaxPool: pool(MAX),
  AvgPool: pool(AVERAGE),
  MaxPoolGrad: poolGrad(MAX),
  AvgPoolGrad: poolGrad(AVERAGE),
};
