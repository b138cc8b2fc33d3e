import { readFileSync } from 'node:fs';
import { peerFiles, requirePeer } from '../peers.js';
import { type Engine, serve } from '../serve.js';
import { randomValues } from '../values.js';

// As much of jax-js as is used here.
interface JaxArray {
  readonly ref: JaxArray;
  transpose(): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  blockUntilReady(): Promise<JaxArray>;
  dispose(): void;
}
interface Jax {
  init(device: string): Promise<unknown>;
  defaultDevice(device: string): void;
  jit(f: (...args: JaxArray[]) => JaxArray): (...args: JaxArray[]) => JaxArray;
  readonly numpy: {
    array(values: Float32Array): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
  };
}

/** The process of jax-js on its wasm device. Calls take their arguments over; `ref` keeps one. */
async function open(): Promise<Engine> {
  Object.defineProperty(globalThis, 'navigator', { value: globalThis.navigator ?? {}, configurable: true }); // it asks for WebGPU
  const jax = requirePeer<Jax>('@jax-js/jax');
  await jax.init('wasm');
  jax.defaultDevice('wasm');
  const { numpy } = jax;
  const random = (shape: readonly [number, number], seed: number): JaxArray =>
    numpy.array(randomValues(shape[0] * shape[1], seed)).reshape(shape);
  return {
    versions: { 'jax-js': JSON.parse(readFileSync(peerFiles['jax-js'], 'utf8')).version as string },
    prepare({ work }) {
      if (!work) throw new Error('it does not know this case');
      const { transposeA, transposeB } = work;
      const { M = 1, K = work.I, N = work.O } = work as Record<string, number>;
      const sized = (rows: unknown, columns: unknown): [number, number] => [rows as number, columns as number];
      const a = random(transposeA ? sized(K, M) : sized(M, K), 1);
      const b = random(transposeB ? sized(N, K) : sized(K, N), 2);
      const product = jax.jit((x, y) => numpy.matmul(transposeA ? x.transpose() : x, transposeB ? y.transpose() : y));
      return {
        async run() {
          const y = product(a.ref, b.ref);
          await y.blockUntilReady();
          y.dispose();
        },
        dispose() {
          a.dispose();
          b.dispose();
        },
      };
    },
  };
}

serve(open);
