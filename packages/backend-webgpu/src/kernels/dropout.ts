import type * as tf from '@tensorflow/tfjs';
import { elementwise, type Kernel, runElementwise } from '../program.js';

/** `mix` of @blip2/tensor, the finalizer of MurmurHash3: a seed drops the same elements on every backend. */
const mix = `
  fn mix(value : u32) -> u32 {
    var h = (value ^ (value >> 16u)) * 0x85ebca6bu;
    h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
    return h ^ (h >> 16u);
  }
  fn isKept(i : i32) -> bool {
    return mix(u32(i) ^ mix(bitcast<u32>(uniforms.seed))) >= bitcast<u32>(uniforms.bound);
  }`;

/** x / (1 - rate) where `mix(i ^ mix(seed)) >= rate · 2^32`, else 0. */
const dropout: Kernel = ({ backend, inputs, attrs }) => {
  const { rate, seed } = attrs as { rate: number; seed: number };
  const bound = Math.min(Math.ceil(rate * 2 ** 32), 2 ** 32 - 1) | 0;
  return runElementwise(
    backend,
    {
      name: 'Dropout',
      inputs: ['x'],
      integers: ['seed', 'bound'],
      floats: ['factor'],
      code: mix + elementwise('select(0.0, x[i] * uniforms.factor, isKept(i))'),
    },
    { inputs: [inputs.x as tf.TensorInfo], numbers: { seed: seed | 0, bound, factor: 1 / (1 - rate) } },
  );
};

export const dropoutKernels: Readonly<Record<string, Kernel>> = { Dropout: dropout };
