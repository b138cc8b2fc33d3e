import { readFileSync } from 'node:fs';

/** An engine and its number of threads. */
export interface Contender {
  readonly name: string;
  readonly threads: number;
}

/** What a contender is and can do. */
export interface Kind {
  readonly threads: readonly number[];
  /** The program of its process, beside this file. */
  readonly program: string;
  /** The ops of `Work` that it knows; without them it takes every case. */
  readonly ops?: readonly string[];
  /** Milliseconds for which its threads go on spinning after a run; the next contender waits so long. */
  readonly settle?: number;
  /** Takes part only where `--only` names it. */
  readonly named?: boolean;
}

const onnxOps = ['matmul', 'product', 'attention', 'layerNorm', 'gelu', 'softmax'];
const captionOps = ['load', 'vit', 'prefill', 'beamToken', 'beamSearch', 'imageCaption'];
const torch: Kind = {
  threads: [1, 2],
  program: 'engines/pytorch/child.py',
  ops: [...onnxOps, 'attentionGrad', 'qformer', 'stage1', 'token', ...captionOps],
  settle: 10,
};

/** In the order in which they take turns. `simd` is this backend in WebAssembly alone, `native` with native kernels. tfjs' wasm backend has no threads under Node. */
export const kinds: Readonly<Record<string, Kind>> = {
  simd: { threads: [1, 2], program: 'engines/tfjs.ts' },
  native: { threads: [1, 2], program: 'engines/tfjs.ts' },
  ...(hasAvx512() ? { 'native-avx2': { threads: [1, 2], program: 'engines/tfjs.ts' } } : {}),
  wasm: { threads: [1], program: 'engines/tfjs.ts' },
  cpu: { threads: [1], program: 'engines/tfjs.ts', named: true },
  'tfjs-node': { threads: [1, 2], program: 'engines/tfjs.ts' },
  'onnxruntime-web': { threads: [1, 2], program: 'engines/onnx.ts', ops: onnxOps, settle: 60 },
  'onnxruntime-node': { threads: [1, 2], program: 'engines/onnx.ts', ops: onnxOps, settle: 60 },
  'jax-js': { threads: [1], program: 'engines/jax.ts', ops: ['matmul', 'product'] },
  'llama.cpp': { threads: [1, 2], program: 'engines/llama-cpp.ts', ops: ['gguf'] },
  pytorch: torch,
  ...(hasAvx512() ? { 'pytorch-avx512': torch } : {}),
};

/**
 * `pytorch` is held to AVX2, what most machines have; where there is more, `pytorch-avx512` is not, and `native-avx2` is held
 * to it as well.
 */
function hasAvx512(): boolean {
  try {
    return /\bavx512f\b/.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}

/** Those named, or all that need no naming. */
export function contenders(only?: readonly string[]): Contender[] {
  const chosen = Object.entries(kinds).filter(([name, { named }]) => (only ? only.includes(name) : !named));
  return chosen.flatMap(([name, { threads }]) => threads.map((count) => ({ name, threads: count })));
}

export const labelOf = ({ name, threads }: Contender): string => `${name}, ${threads} thread${threads > 1 ? 's' : ''}`;
