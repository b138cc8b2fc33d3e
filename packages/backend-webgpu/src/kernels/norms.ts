import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { type Call, type Kernel, runShader, type Shader } from '../program.js';
import { overRow, ROW_THREADS, rowCode } from './rows.js';

// Layer normalization, `(x - mean) / sqrt(var + epsilon) * weight + bias`, and RMS normalization, which subtracts no mean and adds no
// bias; gradients as in `ops/layer-norm.ts` and `ops/rms-norm.ts` of @blip2/tensor.

/** Rows whose shares of the parameters' gradients are summed by one thread; the shares are summed afterwards. */
const BLOCK = 64;

/** Mean and reciprocal standard deviation of a row. */
const statistics = (centered: boolean): string => `
    var own = 0.0;
    ${centered ? overRow('own += x[at];') : ''}
    let mean = ${centered ? 'total(own) / f32(uniforms.D)' : '0.0'};
    own = 0.0;
    ${overRow('own += (x[at] - mean) * (x[at] - mean);')}
    let scale = inverseSqrt(total(own) / f32(uniforms.D) + uniforms.epsilon);`;

/** A shader whose workgroups have a row each. */
const rowShader = (name: string, inputs: readonly string[], body: string): Shader => ({
  name,
  inputs,
  integers: ['rows', 'D'],
  floats: ['epsilon'],
  threads: ROW_THREADS,
  code: `${rowCode}
  fn main(index : i32) {
    let row = min(index / ${ROW_THREADS}, uniforms.rows - 1);
    ${body}
  }`,
});

const normalize = (centered: boolean): Shader =>
  rowShader(
    `Norm ${centered}`,
    ['x', 'weight', ...(centered ? ['bias'] : [])],
    `${statistics(centered)}
    ${overRow(`result[at] = (x[at] - mean) * scale * weight[c]${centered ? ' + bias[c]' : ''};`)}`,
  );

const gradient = (centered: boolean): Shader =>
  rowShader(
    `NormGrad ${centered}`,
    ['dy', 'x', 'weight'],
    `${statistics(centered)}
    var sum = 0.0;
    var product = 0.0;
    ${overRow('let g = dy[at] * weight[c]; sum += g; product += g * (x[at] - mean) * scale;')}
    let first = ${centered ? 'total(sum) / f32(uniforms.D)' : '0.0'};
    let second = total(product) / f32(uniforms.D);
    ${overRow('result[at] = scale * (dy[at] * weight[c] - first - (x[at] - mean) * scale * second);')}`,
  );

/** Mean and scale of each row, [rows,2]. */
const rowStatistics = (centered: boolean): Shader =>
  rowShader(
    `NormStatistics ${centered}`,
    ['x'],
    `${statistics(centered)}
    if (localIndex == 0u) { result[2 * row] = mean; result[2 * row + 1] = scale; }`,
  );

/** Shares of the gradients of weight and bias, [shares,2,D]; one thread a column of a block of rows. */
const parameterShares: Shader = {
  name: 'NormParameters',
  inputs: ['dy', 'x', 'statistics'],
  integers: ['rows', 'D', 'columns'],
  threads: ROW_THREADS,
  code: `
  fn main(index : i32) {
    let group = index / ${ROW_THREADS};
    let share = group / uniforms.columns;
    let c = (group % uniforms.columns) * ${ROW_THREADS} + i32(localIndex);
    if (group >= uniforms.groups || c >= uniforms.D) { return; }
    var weight = 0.0;
    var bias = 0.0;
    for (var row = share * ${BLOCK}; row < min(uniforms.rows, (share + 1) * ${BLOCK}); row++) {
      let at = row * uniforms.D + c;
      weight += dy[at] * (x[at] - statistics[2 * row]) * statistics[2 * row + 1];
      bias += dy[at];
    }
    result[2 * share * uniforms.D + c] = weight;
    result[(2 * share + 1) * uniforms.D + c] = bias;
  }`,
};

const sizesOf = ({ shape }: tf.TensorInfo): { rows: number; D: number } => {
  const D = shape.at(-1) as number;
  return { D, rows: shape.slice(0, -1).reduce((a, b) => a * b, 1) };
};

const forward =
  (centered: boolean): Kernel =>
  ({ backend, inputs, attrs }) => {
    const x = inputs.x as tf.TensorInfo;
    const shader = normalize(centered);
    const { rows, D } = sizesOf(x);
    const numbers = { rows, D, epsilon: attrs.epsilon as number };
    return runShader(backend, shader, { inputs: given(inputs, shader), shape: x.shape, groups: rows, numbers });
  };

const backward =
  (centered: boolean): Kernel =>
  ({ backend, inputs, attrs }) => {
    const { dy, x } = inputs as { dy: tf.TensorInfo; x: tf.TensorInfo };
    const { rows, D } = sizesOf(x);
    const numbers = { rows, D, epsilon: attrs.epsilon as number };
    const shader = gradient(centered);
    const dx = runShader(backend, shader, { inputs: given(inputs, shader), shape: x.shape, groups: rows, numbers });
    const stats = runShader(backend, rowStatistics(centered), { inputs: [x], shape: [rows, 2], groups: rows, numbers });
    const [shares, columns] = [Math.ceil(rows / BLOCK), Math.ceil(D / ROW_THREADS)];
    const partial = runShader(backend, parameterShares, {
      inputs: [dy, x, stats],
      shape: [shares, 2, D],
      groups: shares * columns,
      numbers: { rows, D, columns },
    });
    const sums = summed(backend, partial);
    const both = centered ? [0, 1] : [0];
    const parameters = both.map((i) => run(backend, 'Slice', { x: sums }, { begin: [i, 0], size: [1, D] }));
    for (const { dataId } of [stats, partial, sums]) backend.disposeData(dataId);
    return [dx, ...parameters.map((info) => ({ ...info, shape: [D] }))];
  };

const given = (inputs: Call['inputs'], { inputs: names }: Shader): tf.TensorInfo[] =>
  names.map((name) => inputs[name] as tf.TensorInfo);

/** [shares,2,D] -> [2,D] */
const summed = (backend: WebGPUBackend, x: tf.TensorInfo): tf.TensorInfo =>
  run(backend, 'Sum', { x }, { axis: 0, keepDims: false });

/** Runs a kernel of TensorFlow.js. */
function run(
  backend: WebGPUBackend,
  name: string,
  inputs: Record<string, tf.TensorInfo>,
  attrs: Record<string, unknown>,
): tf.TensorInfo {
  const { kernelFunc } = tf.getKernel(name, 'webgpu');
  return kernelFunc({ inputs, backend, attrs: attrs as tf.NamedAttrMap }) as tf.TensorInfo;
}

/** Layer and RMS normalization and their gradients. */
export const normKernels: Readonly<Record<string, Kernel>> = {
  LayerNorm: forward(true),
  LayerNormGrad: backward(true),
  RmsNorm: forward(false),
  RmsNormGrad: backward(false),
};
