import * as tf from '@tensorflow/tfjs';
import { fillWith } from './fill.js';
import { type Call, type FastKernel, isWord, sizeOf } from './kernel.js';
import { broadcastStrides, contiguous, type Loop, simplify, writeTable } from './strides.js';

/** Copies words along a loop; `x` and `y` are pointers. */
export function copy({ backend, wasm }: Pick<Call, 'backend' | 'wasm'>, x: number, y: number, loop: Loop): void {
  const { table, rows, width, inner } = writeTable(backend.heap, simplify(loop));
  const each = inner[0] === 1 && inner[1] === 1 ? 0.3 : 1.5;
  backend.run(wasm.stridedCopy, rows, rows * (width * each + 10), table, x, y, width, ...inner);
}

const transpose: FastKernel = (call) => {
  const { backend, wasm, inputs, attrs } = call;
  const x = inputs.x!;
  const perm = attrs.perm as number[];
  if (!isWord(x)) return undefined;
  const shape = perm.map((axis) => x.shape[axis]!);
  const kept = perm.filter((axis) => x.shape[axis] !== 1);
  if (kept.every((axis, i) => i === 0 || axis > kept[i - 1]!)) return backend.share(x, shape);
  const y = backend.output(shape, x.dtype);
  const size = sizeOf(x);
  if (size === 0) return y;
  const from = contiguous(x.shape);
  const strides = [perm.map((axis) => from[axis]!), contiguous(shape)];
  const loop = simplify({ sizes: shape, strides });
  const planes = asPlanes(loop);
  if (planes) {
    const { batch, R, C } = planes;
    const items = batch * Math.ceil(R / 16);
    backend.run(wasm.transposePlanes, items, size * 0.8, backend.pointer(x), backend.pointer(y), R, C);
  } else copy(call, backend.pointer(x), backend.pointer(y), loop);
  return y;
};

/** Is this [batch,R,C] -> [batch,C,R]? */
function asPlanes({ sizes, strides }: Loop): { batch: number; R: number; C: number } | undefined {
  const rank = sizes.length;
  if (rank !== 2 && rank !== 3) return undefined;
  const [C, R] = sizes.slice(-2) as [number, number];
  const [stepC, stepR] = strides[0]!.slice(-2);
  const batch = rank === 3 ? sizes[0]! : 1;
  if (stepC !== 1 || stepR !== C || (rank === 3 && strides[0]![0] !== R * C)) return undefined;
  return { batch, R, C };
}

const slice: FastKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const x = inputs.x!;
  if (!isWord(x)) return undefined;
  const [begin, size] = tf.slice_util.parseSliceParams(
    x as tf.Tensor,
    attrs.begin as number | number[],
    attrs.size as number | number[],
  ) as [number[], number[]];
  tf.slice_util.assertParamsValid(x, begin, size);
  const y = backend.output(size, x.dtype);
  if (sizeOf(y) === 0) return y;
  const from = contiguous(x.shape);
  const offset = begin.reduce((sum, b, axis) => sum + b * from[axis]!, 0);
  copy(call, backend.pointer(x) + offset * 4, backend.pointer(y), { sizes: size, strides: [from, contiguous(size)] });
  return y;
};

const pad: FastKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const x = inputs.x!;
  if (!isWord(x)) return undefined;
  const paddings = attrs.paddings as [number, number][];
  const shape = x.shape.map((n, i) => paddings[i]![0] + n + paddings[i]![1]);
  const y = fillWith(call, backend.output(shape, x.dtype), attrs.constantValue as number);
  if (sizeOf(x) === 0) return y;
  const to = contiguous(shape);
  const offset = paddings.reduce((sum, [before], axis) => sum + before * to[axis]!, 0);
  const loop = { sizes: x.shape, strides: [contiguous(x.shape), to] };
  copy(call, backend.pointer(x), backend.pointer(y) + offset * 4, loop);
  return y;
};

const tile: FastKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const x = inputs.x!;
  const reps = attrs.reps as number[];
  if (!isWord(x) || reps.length !== x.shape.length) return undefined;
  const y = backend.output(
    x.shape.map((n, i) => n * reps[i]!),
    x.dtype,
  );
  if (sizeOf(y) === 0) return y;
  const from = broadcastStrides(x.shape, x.shape.length);
  const sizes = x.shape.flatMap((n, i) => [reps[i]!, n]);
  const strides = [from.flatMap((s) => [0, s]), contiguous(sizes)];
  copy(call, backend.pointer(x), backend.pointer(y), { sizes, strides });
  return y;
};

export const moveKernels: Record<string, FastKernel> = { Transpose: transpose, Slice: slice, PadV2: pad, Tile: tile };
