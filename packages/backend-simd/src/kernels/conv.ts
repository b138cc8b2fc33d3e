import * as tf from '@tensorflow/tfjs';
import { withScratch } from '../kit.js';
import { activate, isFusable } from './activate.js';
import { fillWith } from './fill.js';
import { allFloat, type Call, type FastKernel, sizeOf, vectors } from './kernel.js';
import { multiply } from './matmul.js';
import { liesInOrder, type Sliding, writeWindows } from './window.js';

// A convolution is a product of the windows, a row each ("im2col"), with the filter [kH·kW·C,O]. The windows of a block of
// rows are gathered into scratch; how many rows it has does not depend on the threads, so neither do the results.

const BLOCK_BYTES = 2 << 20;
const LEAST_ROWS = 504;

export interface ConvAttributes {
  strides: number | [number, number];
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  dataFormat?: 'NHWC' | 'NCHW';
  dilations?: number | [number, number];
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

interface Sizes {
  /** Windows, their length, and output channels. */
  rows: number;
  K: number;
  O: number;
  /** Windows of a block. */
  block: number;
}

function slide(
  inShape: number[],
  filterShape: number[],
  attrs: ConvAttributes,
): (Sizes & { info: Sliding }) | undefined {
  const { strides, pad, dataFormat = 'NHWC', dilations = 1, dimRoundingMode } = attrs;
  if (dataFormat !== 'NHWC' || inShape[3] !== filterShape[2]) return undefined;
  const info = tf.backend_util.computeConv2DInfo(
    inShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    strides,
    dilations,
    pad,
    dimRoundingMode,
  );
  const rows = info.batchSize * info.outHeight * info.outWidth;
  const K = info.filterHeight * info.filterWidth * info.inChannels;
  const O = info.outChannels;
  if (rows * K * O * sizeOf({ shape: inShape }) === 0) return undefined;
  return { info, rows, K, O, block: Math.max(LEAST_ROWS, Math.floor(BLOCK_BYTES / (K * 4))) };
}

/** Calls `f` with a pointer to [count,K] windows, block by block. */
function eachBlock(
  { backend, wasm }: Call,
  x: tf.TensorInfo,
  { info, rows, K, block }: Sizes & { info: Sliding },
  f: (windows: number, first: number, count: number) => void,
): void {
  if (liesInOrder(info)) {
    f(backend.pointer(x), 0, rows);
    return;
  }
  withScratch(backend, Math.min(block, rows) * K * 4, (col) => {
    for (let first = 0; first < rows; first += block) {
      const count = Math.min(block, rows - first);
      const table = writeWindows(backend.heap, info);
      backend.run(wasm.im2col, count, count * (K * 0.3 + 10), table, backend.pointer(x), col, first);
      f(col, first, count);
    }
  });
}

function conv2d(call: Call, bias?: tf.TensorInfo, relu = false): tf.TensorInfo | undefined {
  const { backend, wasm, inputs, attrs } = call;
  const { x, filter } = inputs as { x: tf.TensorInfo; filter: tf.TensorInfo };
  if (!allFloat(x, filter, bias)) return undefined;
  const sizes = slide(x.shape, filter.shape, attrs as unknown as ConvAttributes);
  if (!sizes || (bias && (bias.shape.length !== 1 || bias.shape[0] !== sizes.O))) return undefined;
  const { K, O, info } = sizes;
  const y = backend.output(info.outShape);
  const right = { pointer: backend.pointer(filter), row: O, column: 1, batch: 0 };
  const rest = { batch: 1, N: O, K, bias: bias ? backend.pointer(bias) : 0, relu };
  eachBlock(call, x, sizes, (pointer, first, M) => {
    const to = backend.pointer(y) + first * O * 4;
    multiply(backend, wasm, { pointer, row: K, column: 1, batch: 0 }, right, to, { ...rest, M });
  });
  return y;
}

const fusedConv2d: FastKernel = (call) => {
  if (!isFusable(call)) return undefined;
  const relu = call.attrs.activation === 'relu';
  const y = conv2d(call, call.inputs.bias, relu);
  return y && !relu ? activate(call, y) : y;
};

/** dy [B,oH,oW,O] -> dx [B,H,W,C]: the windows' gradients are a matrix product, added at the places of the windows. */
const backpropInput: FastKernel = (call) => {
  const { backend, wasm, inputs, attrs } = call;
  const { dy, filter } = inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo };
  const { inputShape, ...others } = attrs as unknown as ConvAttributes & { inputShape: number[] };
  const sizes = allFloat(dy, filter) ? slide(inputShape, filter.shape, others) : undefined;
  if (!sizes) return undefined;
  const { info, rows, K, O, block } = sizes;
  const dx = backend.output(info.inShape);
  const right = { pointer: backend.pointer(filter), row: 1, column: O, batch: 0 };
  const product = (first: number, M: number, to: number): void => {
    const left = { pointer: backend.pointer(dy) + first * O * 4, row: O, column: 1, batch: 0 };
    multiply(backend, wasm, left, right, to, { batch: 1, M, N: K, K: O });
  };
  if (liesInOrder(info)) {
    product(0, rows, backend.pointer(dx));
    return dx;
  }
  fillWith(call, dx, 0);
  const { outHeight, outWidth, inHeight, strideHeight, padInfo } = info;
  const lines = info.batchSize * outHeight;
  const step = Math.max(1, Math.floor(block / outWidth));
  /** The first line of dx below the windows of an output line. */
  const below = (line: number): number => {
    const top = (line % outHeight) * strideHeight - padInfo.top;
    return Math.floor(line / outHeight) * inHeight + Math.min(Math.max(top, 0), inHeight);
  };
  withScratch(backend, Math.min(step, lines) * outWidth * K * 4, (col) => {
    for (let line = 0; line < lines; line += step) {
      const end = Math.min(lines, line + step);
      const M = (end - line) * outWidth;
      product(line * outWidth, M, col);
      const first = below(line);
      const reach = below(end - 1) + info.effectiveFilterHeight;
      const last = Math.min(reach, (Math.floor((end - 1) / outHeight) + 1) * inHeight);
      const table = writeWindows(backend.heap, info);
      const place = [table, col, backend.pointer(dx), first, line, end];
      backend.run(wasm.col2im, last - first, M * K * 0.5, ...place);
    }
  });
  return dx;
};

/** x, dy -> dfilter [kH,kW,C,O]: the blocks' products, added up in order. */
const backpropFilter: FastKernel = (call) => {
  const { backend, wasm, inputs, attrs } = call;
  const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo };
  const { filterShape, ...others } = attrs as unknown as ConvAttributes & { filterShape: number[] };
  const sizes = allFloat(x, dy) ? slide(x.shape, filterShape, others) : undefined;
  if (!sizes) return undefined;
  const { K, O } = sizes;
  const dFilter = backend.output(filterShape);
  const sum = backend.pointer(dFilter);
  withScratch(backend, K * O * 4, (part) => {
    eachBlock(call, x, sizes, (pointer, first, rows) => {
      const right = { pointer: backend.pointer(dy) + first * O * 4, row: O, column: 1, batch: 0 };
      const to = first === 0 ? sum : part;
      multiply(backend, wasm, { pointer, row: 1, column: K, batch: 0 }, right, to, { batch: 1, M: K, N: O, K: rows });
      if (first > 0) backend.run(wasm.binaryFlat, vectors(K * O), K * O * 0.3, 0, sum, part, sum, 1, 1);
    });
  });
  return dFilter;
};

export const convKernels: Record<string, FastKernel> = {
  Conv2D: (call) => conv2d(call),
  FusedConv2D: fusedConv2d,
  Conv2DBackpropInput: backpropInput,
  Conv2DBackpropFilter: backpropFilter,
};
