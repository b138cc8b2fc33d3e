import type * as tf from '@tensorflow/tfjs';
import { withScratch } from '../kit.js';
import { formOf } from './gelu.js';
import { type Call, type FastKernel, sizeOf, vectors } from './kernel.js';
import { type Packed, packedMatrix, packedProduct, readsActivations, withActivations } from './quantized.js';
import { RELU } from './unary.js';

// Norm, products and activation of a sublayer whose weights are packed, in scratch, without a tensor between them. Each step is the
// kernel that the op of its own runs, so that results are the same, to the bit.

interface Attributes {
  readonly matrices: readonly { readonly format: string; readonly shape: readonly [number, number] }[];
  readonly epsilon: number;
  readonly activation?: string;
}

/** Rows of x [...,K] and their width. */
const rowsOf = ({ shape }: tf.TensorInfo): { lead: number[]; M: number; K: number } => {
  const lead = shape.slice(0, -1);
  return { lead, M: sizeOf({ shape: lead }), K: shape.at(-1)! };
};

/** Calls `f` with norm(x) [M,K]. */
function withNormed({ backend, wasm, inputs, attrs }: Call, f: (normed: number) => void): void {
  const { x, normWeight, normBias } = inputs as Record<'x' | 'normWeight', tf.TensorInfo> &
    Record<string, tf.TensorInfo>;
  const { M, K } = rowsOf(x);
  const { epsilon } = attrs as unknown as Attributes;
  withScratch(backend, M * K * 4, (normed) => {
    const [from, weight] = [backend.pointer(x), backend.pointer(normWeight)];
    if (normBias) {
      backend.run(wasm.layerNorm, M, M * K * 0.8, from, weight, backend.pointer(normBias), normed, K, epsilon);
    } else backend.run(wasm.rmsNorm, M, M * K * 0.5, from, weight, normed, K, epsilon);
    f(normed);
  });
}

/** A layer of a call: its matrix is in the heap while `f` runs. */
function withLayer({ backend, inputs, attrs }: Call, i: number, f: (w: Packed, bias: number) => void): void {
  const { matrices } = attrs as unknown as Attributes;
  const words = inputs[`words${i}`] as tf.TensorInfo;
  const w = packedMatrix(backend, { words, scales: inputs[`scales${i}`] }, matrices[i]!);
  const bias = inputs[`bias${i}`];
  f(w, bias ? backend.pointer(bias) : 0);
  backend.release(words);
}

/** y_i [...,N_i] = norm(x) [...,K] · W_iᵀ + bias_i [N_i] */
const quantizedLinears: FastKernel = (call) => {
  const { backend, wasm, inputs, attrs } = call;
  const { matrices } = attrs as unknown as Attributes;
  const { lead, M, K } = rowsOf(inputs.x!);
  const outputs = matrices.map(({ shape }) => backend.output([...lead, shape[0]]));
  if (M * K === 0) return outputs;
  const some = matrices.some(({ format }) => readsActivations(format, M));
  withNormed(call, (x) => {
    withActivations(backend, wasm, some ? { x, M, K } : undefined, (activations) => {
      for (const [i, y] of outputs.entries()) {
        withLayer(call, i, (w, bias) => {
          packedProduct(backend, wasm, w, { x, activations, y: backend.pointer(y), M, bias, residual: 0 });
        });
      }
    });
  });
  return outputs;
};

const [UP, DOWN, GATE] = [0, 1, 2];

/** y [...,K] = x + down(act(up(n))), or x + down(up(n) * act(gate(n))), of n = norm(x). */
const quantizedFeedForward: FastKernel = (call) => {
  const { backend, wasm, inputs, attrs } = call;
  const { matrices, activation } = attrs as unknown as Attributes;
  const x = inputs.x!;
  const { M, K } = rowsOf(x);
  const F = matrices[UP]!.shape[0];
  const y = backend.output(x.shape);
  if (sizeOf(y) === 0) return y;
  const isGated = matrices.length > GATE;
  const size = M * F;
  const layer = (i: number, from: { x: number; activations: number; y: number; residual: number }): void =>
    withLayer(call, i, (w, bias) => packedProduct(backend, wasm, w, { ...from, M, bias }));
  const reads = (i: number): boolean => readsActivations(matrices[i]!.format, M);
  const bytes = 16 * vectors(size);
  withScratch(backend, bytes * (isGated ? 2 : 1), (wide) => {
    const gate = wide + bytes;
    withNormed(call, (normed) => {
      const some = reads(UP) || (isGated && reads(GATE));
      withActivations(backend, wasm, some ? { x: normed, M, K } : undefined, (activations) => {
        layer(UP, { x: normed, activations, y: wide, residual: 0 });
        if (isGated) layer(GATE, { x: normed, activations, y: gate, residual: 0 });
      });
    });
    const count = vectors(size);
    if (isGated) backend.run(wasm.gated, count, size * 1.7, formOf(activation), wide, gate, wide);
    else if (activation === 'relu') backend.run(wasm.unary, count, size * RELU.cost, RELU.op, wide, wide, 0, 0);
    else backend.run(wasm.gelu, count, size * 1.5, formOf(activation), wide, wide);
    withActivations(backend, wasm, reads(DOWN) ? { x: wide, M, K: F } : undefined, (activations) => {
      layer(DOWN, { x: wide, activations, y: backend.pointer(y), residual: backend.pointer(x) });
    });
  });
  return y;
};

export const quantizedLayerKernels: Record<string, FastKernel> = {
  QuantizedLinears: quantizedLinears,
  QuantizedFeedForward: quantizedFeedForward,
};
