import type * as tf from '@tensorflow/tfjs';
import { type Kernel, runShader, type Shader } from '../program.js';
import { overRow, ROW_THREADS, rowCode } from './rows.js';

// The softmax cross-entropy of rows, and its gradient, `ops/cross-entropy.ts` of @blip2/tensor: nothing of the size [N,V] but the
// gradient itself.

const shader = (name: string, inputs: readonly string[], body: string): Shader => ({
  name,
  inputs,
  integers: ['rows', 'D', 'ignore'],
  floats: ['smoothing'],
  threads: ROW_THREADS,
  code: `${rowCode}
  fn main(index : i32) {
    let row = min(index / ${ROW_THREADS}, uniforms.rows - 1);
    let label = labels[row];
    var own = -3.402823e38;
    ${overRow('own = max(own, logits[at]);')}
    let top = highest(own);
    own = 0.0;
    ${overRow('own += exp(logits[at] - top);')}
    let sum = total(own);
    ${body}
  }`,
});

/** `log Σ exp x - (1 - s)·x[label] - s / V·Σ x`, relative to the largest x. */
const forward = shader(
  'CrossEntropy',
  ['logits', 'labels'],
  `own = 0.0;
    ${overRow(`own += uniforms.smoothing / f32(uniforms.D) * (logits[at] - top);
      if (c == label) { own += (1.0 - uniforms.smoothing) * (logits[at] - top); }`)}
    let expected = total(own);
    if (localIndex == 0u) { result[row] = select(log(sum) - expected, 0.0, label == uniforms.ignore); }`,
);

/** `dy·(softmax - target)` */
const backward = shader(
  'CrossEntropyGrad',
  ['logits', 'labels', 'dy'],
  `let factor = select(dy[row], 0.0, label == uniforms.ignore);
    ${overRow(`let wanted = uniforms.smoothing / f32(uniforms.D) + select(0.0, 1.0 - uniforms.smoothing, c == label);
      result[at] = factor * (exp(logits[at] - top) / sum - wanted);`)}`,
);

const kernelOf =
  (program: Shader, shapeOf: (logits: tf.TensorInfo) => number[]): Kernel =>
  ({ backend, inputs, attrs }) => {
    const logits = inputs.logits as tf.TensorInfo;
    const { smoothing, ignore } = attrs as { smoothing: number; ignore: number };
    const [rows, D] = logits.shape as [number, number];
    return runShader(backend, program, {
      inputs: program.inputs.map((name) => inputs[name] as tf.TensorInfo),
      shape: shapeOf(logits),
      groups: rows,
      numbers: { rows, D, ignore, smoothing },
    });
  };

export const crossEntropyKernels: Readonly<Record<string, Kernel>> = {
  CrossEntropy: kernelOf(forward, ({ shape }) => [shape[0] as number]),
  CrossEntropyGrad: kernelOf(backward, ({ shape }) => [...shape]),
};
