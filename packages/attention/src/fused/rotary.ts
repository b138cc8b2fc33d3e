import type { KernelCall, Kernels } from '@blip2/backend-simd';
import type * as tf from '@tensorflow/tfjs';

/** Attributes of the named op `Rotary`. */
export interface RotaryAttributes {
  readonly heads: number;
  /** The row of the tables for the first position, without `positions`. */
  readonly offset: number;
  /** 1, or -1 to turn back. */
  readonly sign: number;
}

/** The kernel of `Rotary`: x [B,L,D], cos and sin [P,D/heads/2], positions int32 [L] or [B,L] or none -> [B,L,D]. */
export function rotaryKernel({ backend, inputs, attrs }: KernelCall, wasm: Kernels<'rotary'>): tf.TensorInfo {
  const { x, cos, sin, positions } = inputs as Record<'x' | 'cos' | 'sin', tf.TensorInfo> &
    Partial<Record<'positions', tf.TensorInfo>>;
  const { heads, offset, sign } = attrs as unknown as RotaryAttributes;
  const [B, L, D] = x.shape as [number, number, number];
  const [P, half] = cos.shape as [number, number];
  const rows = positions && (backend.data.get(positions.dataId).values as Int32Array);
  const outside = rows ? rows.find((row) => row < 0 || row >= P) : offset < 0 || offset + L > P ? offset : undefined;
  if (outside !== undefined) throw new Error(`Rotary tables of ${P} rows have no row ${outside}.`);
  const y = backend.output(x.shape);
  const pointers = [x, y, cos, sin].map((t) => backend.pointer(t));
  const places = [positions ? backend.pointer(positions) : 0, positions?.shape.length === 2 ? L : 0, offset];
  backend.run(wasm.rotary, B * L, B * L * D, ...pointers, ...places, L, heads, half, sign);
  return y;
}
