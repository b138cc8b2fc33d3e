import { packedBytes, type QuantizedFormat } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';
import { type Call, type Kernel, runShader, type Shader } from '../program.js';
import { unpacking } from './blocks.js';
import { geluKernels } from './gelu.js';

// Ops over matrices that stay packed, QuantizedMatrix of @blip2/tensor: shaders read the blocks in place. Activations are float32,
// also for few rows, where the simd backend rounds them to int8.

/** Up to so many rows of x, a weight is read once and each thread has parts of its rows; beyond, in tiles. */
const FEW = 8;
/** Rows of the weight of a workgroup where rows of x are few. */
const ROWS = 4;
const THREADS = 64;
/** A tile of the output, and the summands that are loaded at once. */
const TILE = 64;
const STEP = 16;

interface Packed {
  readonly format: QuantizedFormat;
  readonly N: number;
  readonly K: number;
  /** `words`, and `scales` of `I8`. */
  readonly tensors: Readonly<Record<string, tf.TensorInfo>>;
}

/** @throws for words that are fewer than format and shape need */
function packedOf({ inputs, attrs }: Call): Packed {
  const { words, scales } = inputs as { words: tf.TensorInfo; scales?: tf.TensorInfo };
  const { format, shape } = attrs as unknown as { format: QuantizedFormat; shape: readonly [number, number] };
  const needed = Math.ceil(packedBytes(format, shape) / 4);
  if (words.shape[0] !== needed || (format === 'I8') !== (scales !== undefined)) {
    throw new Error(
      `A ${format} matrix [${shape}] needs ${needed} words, and scales only as I8; it has [${words.shape}].`,
    );
  }
  return { format, N: shape[0], K: shape[1], tensors: { words, ...(scales && { scales }) } };
}

/** Four values of x [M,R] from column r on, and of the weight, zeros beyond their ends. */
const loading = (format: QuantizedFormat): string => `
  ${unpacking[format]}
  fn inside(k : i32, end : i32) -> vec4<bool> { return vec4<i32>(k) + vec4<i32>(0, 1, 2, 3) < vec4<i32>(end); }
  fn activations(m : i32, r : i32) -> vec4<f32> {
    let at = min(m, uniforms.M - 1) * uniforms.R + r;
    return select(vec4<f32>(0.0), vec4<f32>(x[at], x[at + 1], x[at + 2], x[at + 3]), inside(r, uniforms.R));
  }
  fn weights(n : i32, k : i32) -> vec4<f32> {
    return select(vec4<f32>(0.0), unpack(min(n, uniforms.N - 1), k), inside(k, uniforms.K));
  }`;

interface Addends {
  readonly bias?: tf.TensorInfo | undefined;
  readonly residual?: tf.TensorInfo | undefined;
}

/** Writes `sum` as the output's (m, n), with what is added. */
const writing = ({ bias, residual }: Addends, P: 'N' | 'K'): string => `
  fn write(m : i32, p : i32, sum : f32) {
    if (m >= uniforms.M || p >= uniforms.${P}) { return; }
    let at = m * uniforms.${P} + p;
    result[at] = sum${bias ? ' + bias[p]' : ''}${residual ? ' + residual[at]' : ''};
  }`;

/** Each workgroup has a few rows of the weight, whose columns its threads share. */
const fewRows = (count: number): string => `
  const SUMS = ${ROWS * count};
  var<workgroup> parts : array<f32, SUMS * ${THREADS}>;
  fn main(index : i32) {
    let first = (index / ${THREADS}) * ${ROWS};
    let thread = i32(localIndex);
    var sums : array<f32, SUMS>;
    for (var k = 4 * thread; k < uniforms.K; k += ${4 * THREADS}) {
      var rows : array<vec4<f32>, ${count}>;
      for (var m = 0; m < ${count}; m++) { rows[m] = activations(m, k); }
      for (var n = 0; n < ${ROWS}; n++) {
        let w = weights(first + n, k);
        for (var m = 0; m < ${count}; m++) { sums[n * ${count} + m] += dot(rows[m], w); }
      }
    }
    for (var s = 0; s < SUMS; s++) { parts[s * ${THREADS} + thread] = sums[s]; }
    for (var distance = ${THREADS / 2}; distance > 0; distance >>= 1u) {
      workgroupBarrier();
      if (thread < distance) {
        for (var s = 0; s < SUMS; s++) { parts[s * ${THREADS} + thread] += parts[s * ${THREADS} + thread + distance]; }
      }
    }
    workgroupBarrier();
    if (thread < SUMS) { write(thread % ${count}, first + thread / ${count}, parts[thread * ${THREADS}]); }
  }`;

/** Each workgroup has a tile of the output, and each of its 16·16 threads 4·4 elements of that. `weight` fills the right tile. */
const tiles = (P: 'N' | 'K', weight: string): string => `
  const STRIDE = ${TILE + 1};
  var<workgroup> left : array<f32, ${STEP * (TILE + 1)}>;
  var<workgroup> right : array<f32, ${STEP * (TILE + 1)}>;
  fn main(index : i32) {
    let group = index / 256;
    let columns = (uniforms.${P} + ${TILE - 1}) / ${TILE};
    let first = (group / columns) * ${TILE};
    let start = (group % columns) * ${TILE};
    let thread = i32(localIndex);
    let row = thread / 16;
    let column = thread % 16;
    var sums : array<vec4<f32>, 4>;
    for (var step = 0; step < uniforms.R; step += ${STEP}) {
      let a = activations(first + thread / 4, step + 4 * (thread % 4));
      for (var i = 0; i < 4; i++) { left[(4 * (thread % 4) + i) * STRIDE + thread / 4] = a[i]; }
      ${weight}
      workgroupBarrier();
      for (var r = 0; r < ${STEP}; r++) {
        let at = r * STRIDE + column;
        let b = vec4<f32>(right[at], right[at + 16], right[at + 32], right[at + 48]);
        for (var i = 0; i < 4; i++) { sums[i] += left[r * STRIDE + row + 16 * i] * b; }
      }
      workgroupBarrier();
    }
    for (var i = 0; i < 4; i++) {
      for (var j = 0; j < 4; j++) { write(first + row + 16 * i, start + column + 16 * j, sums[i][j]); }
    }
  }`;

const byRows = tiles(
  'N',
  `let w = weights(start + thread / 4, step + 4 * (thread % 4));
      for (var i = 0; i < 4; i++) { right[(4 * (thread % 4) + i) * STRIDE + thread / 4] = w[i]; }`,
);
const byColumns = tiles(
  'K',
  `let w = weights(step + thread / 16, start + 4 * (thread % 16));
      for (var i = 0; i < 4; i++) { right[(thread / 16) * STRIDE + 4 * (thread % 16) + i] = w[i]; }`,
);

interface Product {
  readonly x: tf.TensorInfo;
  readonly weight: Packed;
  /** Of the output's columns. */
  readonly P: 'N' | 'K';
  readonly addends: Addends;
}

function product(
  call: Call,
  { x, weight, P, addends }: Product,
  variant: Pick<Shader, 'name' | 'threads' | 'code'> & { groups: number },
): tf.TensorInfo {
  const { format, N, K, tensors } = weight;
  const [M, R] = [rowsOf(x), x.shape.at(-1) as number];
  const given = Object.entries(addends).filter((entry): entry is [string, tf.TensorInfo] => entry[1] !== undefined);
  const shader: Shader = {
    name: `${variant.name} ${format} ${given.map(([name]) => name)}`,
    inputs: ['x', ...Object.keys(tensors), ...given.map(([name]) => name)],
    integers: ['M', 'N', 'K', 'R'],
    threads: variant.threads,
    code: loading(format) + writing(addends, P) + variant.code,
  };
  const inputs = [x, ...Object.values(tensors), ...given.map(([, info]) => info)];
  const shape = [...x.shape.slice(0, -1), P === 'N' ? N : K];
  return runShader(call.backend, shader, { inputs, shape, groups: variant.groups, numbers: { M, N, K, R } });
}

/** Rows of x [...,K]. */
const rowsOf = ({ shape }: tf.TensorInfo): number => shape.slice(0, -1).reduce((a, b) => a * b, 1);

/** y [...,N] = act(x) [...,K] · Wᵀ + bias [N] + residual [...,N], of which bias and residual may be missing. */
const quantizedLinear: Kernel = (call) => {
  const { backend, inputs, attrs } = call;
  const { bias, residual } = inputs;
  const weight = packedOf(call);
  const activated = attrs.activation === 'none' ? undefined : gelu(call);
  const x = activated ?? (inputs.x as tf.TensorInfo);
  const M = rowsOf(x);
  const count = [1, 2, 4, FEW].find((n) => M <= n);
  const way = count
    ? { name: `QuantizedLinear ${count}`, threads: THREADS, code: fewRows(count), groups: Math.ceil(weight.N / ROWS) }
    : { name: 'QuantizedLinear', threads: 256, code: byRows, groups: Math.ceil(M / TILE) * Math.ceil(weight.N / TILE) };
  const y = product(call, { x, weight, P: 'N', addends: { bias, residual } }, way);
  if (activated) backend.disposeData(activated.dataId);
  return y;
};

const gelu = ({ backend, inputs, attrs }: Call): tf.TensorInfo =>
  (geluKernels.Gelu as Kernel)({
    backend,
    inputs: { x: inputs.x as tf.TensorInfo },
    attrs: { approximate: attrs.activation },
  }) as tf.TensorInfo;

/** dx [M,K] = dy [M,N] · W */
const quantizedLinearGrad: Kernel = (call) => {
  const x = call.inputs.dy as tf.TensorInfo;
  const weight = packedOf(call);
  const groups = Math.ceil(rowsOf(x) / TILE) * Math.ceil(weight.K / TILE);
  const way = { name: 'QuantizedLinearGrad', threads: 256, code: byColumns, groups };
  return product(call, { x, weight, P: 'K', addends: {} }, way);
};

/** Rows of a packed matrix by ids; a row of NaN for an id that is no row, as a shader cannot throw. */
const quantizedGather: Kernel = (call) => {
  const ids = call.inputs.ids as tf.TensorInfo;
  const { format, N, K, tensors } = packedOf(call);
  const count = ids.shape.reduce((a, b) => a * b, 1);
  const fours = Math.ceil(K / 4);
  const shader: Shader = {
    name: `QuantizedGather ${format}`,
    inputs: ['ids', ...Object.keys(tensors)],
    integers: ['count', 'N', 'K', 'fours'],
    threads: THREADS,
    code: `${unpacking[format]}
      fn main(index : i32) {
        let at = index / uniforms.fours;
        let k = 4 * (index % uniforms.fours);
        if (at >= uniforms.count) { return; }
        let id = ids[at];
        let known = id >= 0 && id < uniforms.N;
        let values = unpack(clamp(id, 0, uniforms.N - 1), k);
        for (var i = 0; i < min(4, uniforms.K - k); i++) {
          result[at * uniforms.K + k + i] = select(uniforms.NAN, values[i], known);
        }
      }`,
  };
  const groups = Math.ceil((count * fours) / THREADS);
  const numbers = { count, N, K, fours };
  const inputs = [ids, ...Object.values(tensors)];
  return runShader(call.backend, shader, { inputs, shape: [...ids.shape, K], groups, numbers });
};

export const quantizedKernels: Readonly<Record<string, Kernel>> = {
  QuantizedLinear: quantizedLinear,
  QuantizedLinearGrad: quantizedLinearGrad,
  QuantizedGather: quantizedGather,
};
