import type { Agreement, KernelCall, SimdBackend } from '@blip2/backend-simd';
import type * as tf from '@tensorflow/tfjs';
import {
  attention,
  attentionBiasGrad,
  attentionGrad,
  attentionGradWithBias,
  type Tools,
  takesOnePass,
} from './kernels.js';

type Shape = readonly number[];
interface Sizes {
  readonly heads: number;
  readonly keyHeads: number;
  readonly length: number;
  readonly offset: number;
  /** [B,Q,D], [I,C,D·keyHeads/heads], and of what is added. */
  readonly q: Shape;
  readonly k: Shape;
  readonly mask?: Shape;
  readonly bias?: Shape;
  readonly rows?: readonly number[];
  /** Dropout. */
  readonly rate?: number;
}

/** Small problems that take every way of the kernels: grouped heads, shared images, bias and mask, the future, dropout, one query. */
const PROBLEMS: readonly Sizes[] = [
  {
    heads: 2,
    keyHeads: 2,
    length: 53,
    offset: 53,
    q: [3, 9, 24],
    k: [2, 55, 24],
    mask: [3, 1, 1, 53],
    rows: [1, 0, 1],
  },
  { heads: 4, keyHeads: 2, length: 7, offset: 1, q: [1, 5, 20], k: [1, 7, 10], bias: [1, 4, 5, 7], mask: [1, 1, 1, 7] },
  { heads: 2, keyHeads: 2, length: 6, offset: 5, q: [2, 1, 32], k: [2, 6, 32], bias: [1, 2, 1, 6], rate: 0.4 },
  { heads: 1, keyHeads: 1, length: 5, offset: 5, q: [1, 77, 8], k: [1, 5, 8], bias: [1, 1, 77, 1] },
];

type Name = keyof Tools['wasm'];
/** Those that have native counterparts. */
type Compared = Exclude<Name, 'rotary'>;

/** What computes each kernel's outputs; `dy` is there for gradients. */
const RUN: Readonly<Record<Compared, (call: KernelCall, tools: Tools) => tf.TensorInfo[]>> = {
  attention: (call, tools) => [attention(call, tools)],
  attentionGrad: (call, tools) => (takesOnePass(call) ? attentionGradWithBias : attentionGrad)(call, tools),
  attentionBiasGrad: (call, tools) => [attentionBiasGrad(call, tools)],
};

/** How the kernels of attention are compared with their native counterparts: bit for bit. */
export const agreement = (backend: SimdBackend, withScratch: Tools['withScratch']): Agreement<Name> =>
  (Object.keys(RUN) as Compared[]).map((name) => ({
    names: [name],
    agrees(wasm, native) {
      const problems = PROBLEMS.filter(({ bias }) => bias || name !== 'attentionBiasGrad');
      return problems.every((problem) => {
        const [expected, found] = [wasm, native].map((kernels) =>
          compute(backend, { wasm: kernels, withScratch }, problem, name),
        );
        return expected?.every((x, i) => sameNumbers(x, found?.[i]));
      });
    },
  }));

/** The outputs of a kernel. */
function compute(backend: SimdBackend, tools: Tools, problem: Sizes, name: Compared): Float32Array[] {
  const { heads, keyHeads, length, offset, rate = 0, ...shapes } = problem;
  const numbers = Float32Array.from({ length: 3000 }, (_, i) => (Math.imul(i, 0x9e3779b1) >> 8) / 2 ** 22);
  const made: tf.TensorInfo[] = [];
  const tensor = (shape: Shape, seed: number): tf.TensorInfo => {
    const values = numbers.subarray(seed, seed + shape.reduce((a, b) => a * b, 1));
    const info = backend.makeTensorInfo([...shape], 'float32', values);
    made.push(info);
    return info;
  };
  try {
    const inputs: Record<string, tf.TensorInfo> = {
      ...{ q: tensor(shapes.q, 1), k: tensor(shapes.k, 2), v: tensor(shapes.k, 3) },
      ...(shapes.mask ? { mask: tensor(shapes.mask, 4) } : {}),
      ...(shapes.bias ? { bias: tensor(shapes.bias, 5) } : {}),
      ...(name === 'attention' ? {} : { dy: tensor(shapes.q, 6) }),
    };
    if (shapes.rows) {
      inputs.rows = backend.makeTensorInfo([shapes.rows.length], 'int32', Int32Array.from(shapes.rows));
      made.push(inputs.rows);
    }
    const outputs = RUN[name](
      { backend, inputs, attrs: { heads, keyHeads, length, scale: 0.35, offset, rate, seed: 1 } },
      tools,
    );
    made.push(...outputs);
    return outputs.map((x) => backend.readSync(x.dataId) as Float32Array);
  } finally {
    for (const info of made) backend.disposeIntermediateTensorInfo(info);
  }
}

/** Whether all numbers are the same, 0 and -0 apart; which NaN one is does not count. */
function sameNumbers(a: Float32Array, b: Float32Array | undefined): boolean {
  if (!b) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}
