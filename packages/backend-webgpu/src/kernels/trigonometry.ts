import type * as tf from '@tensorflow/tfjs';
import { elementwise, type Kernel, runElementwise } from '../program.js';

/**
 * Sine and cosine of any angle up to 10^4: WGSL promises no more than 2^-11 for its own, and nothing beyond π, too little for
 * rotary positions. The angle is reduced to [-π/4, π/4] by multiples of π/2 in three parts, and polynomials compute the rest
 * (Cephes, Moshier 1992).
 */
const code = `
  fn sineOf(x : f32, shift : i32) -> f32 {
    let turns = round(x * 0.63661977236758134);
    let r = ((x - turns * 1.5703125) - turns * 4.837512969970703125e-4) - turns * 7.54978995489188216e-8;
    let square = r * r;
    let sine = r + r * square * (-1.6666654611e-1 + square * (8.3321608736e-3 - square * 1.9515295891e-4));
    let cosine = 1.0 - 0.5 * square
      + square * square * (4.166664568298827e-2 + square * (-1.388731625493765e-3 + square * 2.443315711809948e-5));
    let quarter = (i32(turns) + shift) & 3;
    let value = select(sine, cosine, (quarter & 1) == 1);
    return select(value, -value, quarter >= 2);
  }`;

const kernelOf =
  (name: string, shift: number): Kernel =>
  ({ backend, inputs }) =>
    runElementwise(
      backend,
      { name, inputs: ['x'], code: code + elementwise(`sineOf(x[i], ${shift})`) },
      { inputs: [inputs.x as tf.TensorInfo] },
    );

/** In place of those of TensorFlow.js. */
export const trigonometryKernels: Readonly<Record<string, Kernel>> = {
  Sin: kernelOf('Sin', 0),
  Cos: kernelOf('Cos', 1),
};
