import * as tf from '@tensorflow/tfjs';
import { type Call, type FastKernel, isWord, sizeOf } from './kernel.js';

// As in assembly/scan.ts.
const SUM = 0;
const PROD = 1;
const INT_SUM = 2;

function scan({ backend, wasm, inputs, attrs }: Call, op: number): tf.TensorInfo | undefined {
  const x = inputs.x!;
  const { axis, exclusive, reverse } = attrs as { axis: number; exclusive: boolean; reverse: boolean };
  const size = sizeOf(x);
  if (!isWord(x) || (x.dtype === 'int32' && op !== SUM) || size === 0 || x.shape.length === 0) return undefined;
  const y = backend.output(x.shape, x.dtype);
  const at = tf.util.parseAxisParam(axis, x.shape)[0]!;
  const R = x.shape[at]!;
  const C = tf.util.sizeFromShape(x.shape.slice(at + 1));
  const items = (size / (R * C)) * Math.ceil(C / 4);
  const pointers = [x, y].map((t) => backend.pointer(t));
  const flags = [Number(exclusive), Number(reverse)];
  backend.run(wasm.scan, items, items * R * 1.5, x.dtype === 'int32' ? INT_SUM : op, ...pointers, R, C, ...flags);
  return y;
}

/** Running sums and products. */
export const scanKernels: Record<string, FastKernel> = {
  Cumsum: (call) => scan(call, SUM),
  Cumprod: (call) => scan(call, PROD),
};
