/** Who computes: a backend of TensorFlow.js with a number of threads. */
export interface Contender {
  readonly name: string;
  readonly threads: number;
}

/** tfjs' wasm backend has no threads under Node. */
export const contenders: readonly Contender[] = [
  { name: 'simd', threads: 1 },
  { name: 'simd', threads: 2 },
  { name: 'wasm', threads: 1 },
  { name: 'cpu', threads: 1 },
];

export const labelOf = ({ name, threads }: Contender): string => `${name}, ${threads} thread${threads > 1 ? 's' : ''}`;

/** What a contender's process is asked, and what it answers. */
export type Question =
  | { readonly ask: 'list'; readonly files: readonly string[] }
  | { readonly ask: 'prepare'; readonly bench: string; readonly case: string }
  | { readonly ask: 'sample' }
  | { readonly ask: 'done' };

export interface CaseInfo {
  readonly bench: string;
  readonly case: string;
  readonly flops?: number;
  readonly bytes?: number;
}
export type Answer =
  | { readonly cases: readonly CaseInfo[] }
  | { readonly ms: number }
  | { readonly ok: true }
  | { readonly error: string };
