import type { SimdBackend } from './backend.js';
import type { Wasm } from './kernels/kernel.js';
import { multiply, type Product } from './kernels/matmul.js';
import { ITEM } from './kernels/quantized.js';
import type { Agreement } from './native.js';

type Name = keyof Wasm;

/** Kernels that only serve together, and what they compute: the same bits, or none of them is used. */
interface Case {
  readonly names: readonly Name[];
  run(kernels: Wasm, data: Data): void;
}

/** Places in the heap: `FLOATS` numbers to read and space for `RESULTS`. */
interface Data {
  readonly backend: SimdBackend;
  readonly from: number;
  readonly to: number;
}

const FLOATS = 40_000;
const RESULTS = 3072;
const SPECIAL = [0, -0, 1, -1, 1e-40, -1e-40, 3e38, -3e38, Infinity, -Infinity, Number.NaN, -88, 89];
/** Where special numbers begin; before them all are between -4 and 4. */
const SPECIALS = FLOATS - 64;

/** C = A·B, where A, B, bias and residual are read from different places of the same numbers. */
const product =
  (sizes: Product & { transposeA?: boolean; transposeB?: boolean; added?: boolean; shared?: boolean }) =>
  (kernels: Wasm, { backend, from, to }: Data): void => {
    const { batch, M, N, K, transposeA, transposeB, added, shared, ...rest } = sizes;
    const [aRow, aColumn] = transposeA ? [1, M] : [K, 1];
    const [bRow, bColumn] = transposeB ? [1, K] : [N, 1];
    const a = { pointer: from, row: aRow, column: aColumn, batch: M * K };
    const b = { pointer: from + 4096, row: bRow, column: bColumn, batch: shared ? 0 : N * K };
    const addends = added ? { bias: from + 64, residual: batch === 1 && !rest.relu ? from + 128 : 0 } : {};
    multiply(backend, kernels, a, b, to, { batch, M, N, K, ...rest, ...addends });
  };

/** Vectors of one to four inputs to outputs that follow each other. */
const elementwise =
  (name: Name, inputs: number, ...first: number[]) =>
  (kernels: Wasm, { backend, from, to }: Data): void => {
    const count = 21;
    const places = Array.from({ length: inputs }, (_, i) => from + 4 * (SPECIALS - 40 - 21 * i));
    backend.run(kernels[name], count, 0, ...first, ...places, to, ...(name === 'gatedGrad' ? [to + 512] : []));
  };

const kinds = (name: Name, inputs: number) =>
  function run(kernels: Wasm, { backend, from, to }: Data): void {
    for (let kind = 0; kind < 4; kind++)
      elementwise(name, inputs, kind)(kernels, { backend, from, to: to + 1024 * kind });
  };

const PRODUCTS = [
  product({ batch: 1, M: 27, N: 45, K: 770, transposeB: true, added: true }),
  product({ batch: 1, M: 14, N: 33, K: 19, added: true, relu: true }),
  product({ batch: 1, M: 13, N: 5, K: 9, transposeA: true }),
  product({ batch: 3, M: 5, N: 17, K: 33, transposeA: true, transposeB: true, shared: true }),
  product({ batch: 8, M: 7, N: 19, K: 21, transposeB: true }),
  product({ batch: 8, M: 9, N: 6, K: 12, transposeA: true, added: true, relu: true }),
];

const CASES: readonly Case[] = [
  ...PRODUCTS.map((run) => ({ names: ['packB', 'gemm', 'gemmEach', 'gemmPanels'] as const, run })),
  ...[1, 2, 3, 5].flatMap((M): Case[] => [
    { names: ['gemvRows'], run: product({ batch: 1, M, N: 9, K: 43, transposeB: true, added: M > 1, relu: M === 2 }) },
    {
      names: ['gemvColumns'],
      run: product({ batch: 1, M, N: M === 1 ? 1037 : 301, K: 7, added: M > 1, relu: M === 2 }),
    },
  ]),
  { names: ['gelu'], run: kinds('gelu', 1) },
  { names: ['geluGrad'], run: kinds('geluGrad', 2) },
  { names: ['gated'], run: kinds('gated', 2) },
  { names: ['gatedGrad'], run: kinds('gatedGrad', 3) },
  { names: ['adamw'], run: adamw },
  ...[0, 1].map((short): Case => ({ names: ['halfProduct'], run: halfProduct(short) })),
  ...[0, 1, 2, 3, 4, 5].flatMap((format) =>
    [1, 7].map((M): Case => ({ names: ['quantizeActivations', 'quantizedProduct'], run: packed(format, M) })),
  ),
];

/** More than an item of packed products, and a part of one. */
const COLUMNS = 51;

/** Products of three rows with a weight in half precision. */
function halfProduct(short: number): Case['run'] {
  return (kernels, { backend, from, to }) =>
    backend.run(kernels.halfProduct, COLUMNS, 0, short, from + 8192, from, to, 3, COLUMNS, 77, from + 64, from + 128);
}

/** Products with a packed weight, whose scales are any numbers, of activations that are rounded to int8 first. */
function packed(format: number, M: number): Case['run'] {
  const K = format === 0 ? 77 : format < 4 ? 96 : 512;
  return (kernels, { backend, from, to }) => {
    const activations = to + 4096;
    const tails = from + 65536; // each writes these as it likes
    backend.run(kernels.quantizeActivations, M, 0, from + 256, activations, M, K, tails);
    const places = [from + 8192, format === 0 ? from + 512 : 0, activations, to];
    const addends = [from + 64, M > 1 ? from + 128 : 0];
    backend.run(kernels.quantizedProduct, Math.ceil(COLUMNS / ITEM), 0, format, ...places, M, COLUMNS, K, ...addends);
  };
}

function adamw(kernels: Wasm, { backend, from, to }: Data): void {
  const heap = new Float32Array(backend.heap.buffer);
  heap.copyWithin(to / 4, from / 4, from / 4 + 300);
  for (let i = 200; i < 300; i++) heap[to / 4 + i] = Math.abs(heap[to / 4 + i]!); // the second moments
  const places = [to, from + 4096, to + 400, to + 800];
  for (const factor of [0, from + 16])
    backend.run(kernels.adamw, 25, 0, ...places, factor, 0.9, 0.1, 0.98, 0.02, 1e-2, 1.5, 1e-8, 0.9995, 0.7);
}

/** How the kernels of this package are compared with their native counterparts: bit for bit. */
export function agreement(backend: SimdBackend): Agreement<Name> {
  const together = new Map<string, Case[]>();
  for (const one of CASES) {
    const key = one.names.join();
    together.set(key, [...(together.get(key) ?? []), one]);
  }
  return [...together.values()].map((cases) => ({
    names: cases[0]!.names,
    agrees: (wasm, native) => agree(backend, cases, wasm as Wasm, native as Wasm),
  }));
}

function agree(backend: SimdBackend, cases: readonly Case[], wasm: Wasm, native: Wasm): boolean {
  const { heap } = backend;
  const [from, to] = [heap.allocate(FLOATS * 4), heap.allocate(RESULTS * 4)];
  const data = { backend, from, to };
  new Float32Array(heap.buffer, from, FLOATS).set(numbers());
  const results = new Float32Array(heap.buffer, to, RESULTS);
  const compute = (run: Case['run'], kernels: Wasm): Float32Array => {
    results.fill(0);
    run(kernels, data);
    return results.slice();
  };
  try {
    return cases.every(({ run }) => sameNumbers(compute(run, wasm), compute(run, native)));
  } finally {
    heap.free(from, FLOATS * 4);
    heap.free(to, RESULTS * 4);
  }
}

let made: Float32Array | undefined;

/** The numbers that are read, the same in every process. */
function numbers(): Float32Array {
  if (made) return made;
  made = new Float32Array(FLOATS);
  let state = 1;
  for (let i = 0; i < SPECIALS; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    made[i] = state / 2 ** 29;
  }
  for (let i = SPECIALS; i < FLOATS; i++) made[i] = SPECIAL[i % SPECIAL.length]!;
  return made;
}

/** Whether all numbers are the same, 0 and -0 apart; which NaN one is does not count. */
function sameNumbers(a: Float32Array, b: Float32Array): boolean {
  const [bitsA, bitsB] = [a, b].map((x) => new Int32Array(x.buffer)) as [Int32Array, Int32Array];
  for (let i = 0; i < a.length; i++) {
    if (bitsA[i] !== bitsB[i] && !(Number.isNaN(a[i]) && Number.isNaN(b[i]))) return false;
  }
  return true;
}
