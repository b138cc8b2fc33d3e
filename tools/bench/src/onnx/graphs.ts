import type { Work } from '@blip2/testing';
import type { Graph, Node } from '@blip2/testing/onnx';
import { randomValues } from '../values.js';

/** The graph of one op of `Work`, as onnxruntime computes it fastest. */
export function graphOf(work: Work): Graph {
  const make = graphs[work.op];
  if (!make) throw new Error(`there is no ONNX graph of '${work.op}'`);
  return make(work as Sizes);
}

type Sizes = Readonly<Record<string, number>>;

const graphs: Record<string, (sizes: Sizes) => Graph> = {
  matmul: ({ M = 0, K = 0, N = 0, transposeA, transposeB }) => ({
    nodes: [node('Gemm', ['a', 'b'], { attributes: { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 } })],
    inputs: { a: transposeA ? [K, M] : [M, K], b: transposeB ? [N, K] : [K, N] },
    output: { name: 'y', shape: [M, N] },
  }),
  /** A row times a matrix that stays: onnxruntime packs it beforehand. */
  product: ({ I = 0, O = 0, transposeB }) => ({
    nodes: [node('Gemm', ['x', 'w'], { attributes: { transB: transposeB ? 1 : 0 } })],
    inputs: { x: [1, I] },
    output: { name: 'y', shape: [1, O] },
    constants: { w: { shape: transposeB ? [O, I] : [I, O], values: randomValues(I * O) } },
  }),
  attention: ({ B = 0, H = 0, G = H, Q = 0, L = 0, K = 0, causal, biased }) => {
    if (G !== H) throw new Error('its MultiHeadAttention has no heads that share keys');
    return {
      nodes: [
        node('MultiHeadAttention', ['q', 'k', 'v', ...(biased ? ['', '', 'bias'] : [])], {
          attributes: { num_heads: H, unidirectional: causal ? 1 : 0 },
          domain: 'com.microsoft',
        }),
      ],
      inputs: { q: [B, Q, H * K], k: [B, L, H * K], v: [B, L, H * K], ...(biased ? { bias: [1, H, Q, L] } : {}) },
      output: { name: 'y', shape: [B, Q, H * K] },
    };
  },
  layerNorm: ({ R = 0, D = 0 }) => ({
    nodes: [node('LayerNormalization', ['x', 'weight', 'bias'], { attributes: { epsilon: 1e-5 } })],
    inputs: { x: [R, D] },
    output: { name: 'y', shape: [R, D] },
    constants: {
      weight: { shape: [D], values: new Float32Array(D).fill(1) },
      bias: { shape: [D], values: new Float32Array(D) },
    },
  }),
  gelu: (sizes) => unary('Gelu', sizes),
  softmax: (sizes) => unary('Softmax', sizes),
};

const node = (op: string, inputs: string[], rest: Partial<Node> = {}): Node => ({ op, inputs, output: 'y', ...rest });

/** Softmax is along the last axis unless told otherwise. */
const unary = (op: string, { R = 0, D = 0 }: Sizes): Graph => ({
  nodes: [node(op, ['x'])],
  inputs: { x: [R, D] },
  output: { name: 'y', shape: [R, D] },
});
