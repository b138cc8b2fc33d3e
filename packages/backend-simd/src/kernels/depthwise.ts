import * as tf from '@tensorflow/tfjs';
import { activate, isFusable } from './activate.js';
import type { ConvAttributes } from './conv.js';
import { allFloat, type Call, type FastKernel, sizeOf } from './kernel.js';
import { copy } from './move.js';
import { reduce, SUM } from './reduce.js';
import { type Sliding, writeWindows } from './window.js';

/** Most shares that a filter's gradient is summed in: fixed, so that the number of threads changes nothing. */
const SHARES = 32;

function slide(inShape: number[], filterShape: number[], attrs: ConvAttributes): Sliding | undefined {
  const { strides, pad, dataFormat = 'NHWC', dilations, dimRoundingMode } = attrs;
  if (dataFormat !== 'NHWC' || inShape[3] !== filterShape[2]) return undefined;
  const info = tf.backend_util.computeConv2DInfo(
    inShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    true,
  );
  return sizeOf({ shape: inShape }) * sizeOf({ shape: info.outShape }) * sizeOf({ shape: filterShape }) === 0
    ? undefined
    : info;
}

/** A multiplier m has each channel m times: x [...,C] as it lies, or [...,C,m]. The caller disposes of it. */
function repeated(call: Call, x: tf.TensorInfo, { inChannels: C, outChannels }: Sliding): tf.TensorInfo {
  const { backend } = call;
  const m = outChannels / C;
  if (m === 1) return backend.share(x, x.shape);
  const y = backend.output([...x.shape, m]);
  const pixels = sizeOf(x) / C;
  const strides = [
    [C, 1, 0],
    [C * m, m, 1],
  ];
  copy(call, backend.pointer(x), backend.pointer(y), { sizes: [pixels, C, m], strides });
  return y;
}

const work = (info: Sliding): number => sizeOf({ shape: info.outShape }) * info.filterHeight * info.filterWidth * 0.3;

function depthwise(call: Call, bias?: tf.TensorInfo): tf.TensorInfo | undefined {
  const { backend, wasm, inputs, attrs } = call;
  const { x, filter } = inputs as { x: tf.TensorInfo; filter: tf.TensorInfo };
  if (!allFloat(x, filter, bias)) return undefined;
  const info = slide(x.shape, filter.shape, attrs as unknown as ConvAttributes);
  if (!info || (bias && (bias.shape.length !== 1 || bias.shape[0] !== info.outChannels))) return undefined;
  const wide = repeated(call, x, info);
  const y = backend.output(info.outShape);
  const table = writeWindows(backend.heap, info, info.outChannels);
  const pointers = [wide, filter, bias, y].map((t) => (t ? backend.pointer(t) : 0));
  backend.run(wasm.depthwise, info.batchSize * info.outHeight, work(info), table, ...pointers);
  backend.disposeIntermediateTensorInfo(wide);
  return y;
}

const fusedDepthwise: FastKernel = (call) => {
  const y = isFusable(call) ? depthwise(call, call.inputs.bias) : undefined;
  return y && activate(call, y);
};

/** The places of a filter [kH,kW,...] of `each` numbers a place, the last one first. */
function reversed(call: Call, filter: tf.TensorInfo, each: number): tf.TensorInfo {
  const { backend } = call;
  const y = backend.output(filter.shape);
  const places = sizeOf(filter) / each;
  const strides = [
    [-each, 1],
    [each, 1],
  ];
  const last = backend.pointer(filter) + (places - 1) * each * 4;
  copy(call, last, backend.pointer(y), { sizes: [places, each], strides });
  return y;
}

/** With strides of 1, dx is the convolution of dy with the reversed filter by these windows. */
function backwards(info: Sliding): Sliding {
  const { padInfo, inHeight, inWidth, outHeight, outWidth, effectiveFilterHeight, effectiveFilterWidth } = info;
  const top = effectiveFilterHeight - 1 - padInfo.top;
  const left = effectiveFilterWidth - 1 - padInfo.left;
  const sizes = { inHeight: outHeight, inWidth: outWidth, outHeight: inHeight, outWidth: inWidth };
  return { ...info, ...sizes, padInfo: { ...padInfo, top, left } };
}

const backpropInput: FastKernel = (call) => {
  const { backend, wasm, inputs, attrs } = call;
  const { dy, filter } = inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo };
  const { inputShape, ...others } = attrs as unknown as ConvAttributes & { inputShape: number[] };
  const info = allFloat(dy, filter) ? slide(inputShape, filter.shape, others) : undefined;
  if (!info) return undefined;
  const { inChannels: C, outChannels, inShape } = info;
  const m = outChannels / C;
  const pixels = sizeOf({ shape: inShape }) / C;
  const wide = backend.output([pixels, C, m]);
  if (info.strideHeight === 1 && info.strideWidth === 1) {
    const turned = reversed(call, filter, outChannels);
    const table = writeWindows(backend.heap, backwards(info), outChannels);
    const pointers = [backend.pointer(dy), backend.pointer(turned), 0, backend.pointer(wide)];
    backend.run(wasm.depthwise, info.batchSize * info.inHeight, work(info), table, ...pointers);
    backend.disposeIntermediateTensorInfo(turned);
  } else {
    const table = writeWindows(backend.heap, info, outChannels);
    const pointers = [dy, filter, wide].map((t) => backend.pointer(t));
    backend.run(wasm.depthwiseInput, info.batchSize * info.inHeight, work(info), table, ...pointers);
  }
  if (m === 1) return { ...wide, shape: inShape };
  const dx = reduce(call, wide, { A: pixels * C, R: m, C: 1, op: SUM, scale: 1 });
  backend.disposeIntermediateTensorInfo(wide);
  return { ...dx, shape: inShape };
};

const backpropFilter: FastKernel = (call) => {
  const { backend, wasm, inputs, attrs } = call;
  const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo };
  const { filterShape, ...others } = attrs as unknown as ConvAttributes & { filterShape: number[] };
  const info = allFloat(x, dy) ? slide(x.shape, filterShape, others) : undefined;
  if (!info) return undefined;
  const lines = info.batchSize * info.outHeight;
  const block = Math.ceil(lines / SHARES);
  const shares = Math.ceil(lines / block);
  const size = sizeOf({ shape: filterShape });
  const wide = repeated(call, x, info);
  const partial = backend.output([shares, size]);
  const table = writeWindows(backend.heap, info, info.outChannels);
  const pointers = [wide, dy, partial].map((t) => backend.pointer(t));
  backend.run(wasm.depthwiseFilter, shares, work(info), table, ...pointers, lines, block);
  const dFilter = reduce(call, partial, { A: 1, R: shares, C: size, op: SUM, scale: 1 });
  for (const temporary of [wide, partial]) backend.disposeIntermediateTensorInfo(temporary);
  return { ...dFilter, shape: filterShape };
};

export const depthwiseKernels: Record<string, FastKernel> = {
  DepthwiseConv2dNative: (call) => depthwise(call),
  FusedDepthwiseConv2D: fusedDepthwise,
  DepthwiseConv2dNativeBackpropInput: backpropInput,
  DepthwiseConv2dNativeBackpropFilter: backpropFilter,
};
