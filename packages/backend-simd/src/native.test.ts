import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isPackable, quantize, quantizedFormats } from '@blip2/tensor';
import { expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import type { SimdBackend } from './backend.js';
import { type NativeLibrary, openNative } from './native.js';
import { platform } from './platform.js';
import { register } from './register.js';
import { kernel, numbers, on } from './test-support/both.js';

const PLENTY = numbers([200_000], 1);
/** Deterministic numbers, which are made once. */
const some = (shape: number[], from: number): tf.Tensor =>
  tf.tensor(PLENTY.subarray(from, from + tf.util.sizeFromShape(shape)), shape);

const host = await platform();
const file = host.native?.find();
const library = file && (await openNative(host, true));
/** Where no addon was built for this platform, all but the tests of its absence are skipped. */
const natively = library ? test : test.skip;

const wasm = await register({ name: 'wasm', native: false, threads: 1 });
const backends: SimdBackend[] = [];
if (library) {
  for (const build of ['avx512vnni', 'avx512', 'avx2', 'neon']) {
    process.env.BLIP2_NATIVE = build;
    const backend = await register({ name: build, threads: 2 });
    if (backend.pool.build === build) backends.push(backend);
  }
  delete process.env.BLIP2_NATIVE;
}

async function warningsOf(f: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const warn = jest.spyOn(console, 'warn').mockImplementation((line) => void warnings.push(line as string));
  try {
    await f();
  } finally {
    warn.mockRestore();
  }
  return warnings;
}

/** Computes on WebAssembly and on each native build with one and two threads: the same bits. */
function expectBits(f: () => tf.Tensor | tf.Tensor[]): void {
  const right = on('wasm', f);
  for (const backend of backends) {
    for (const threads of [1, 2]) {
      backend.setThreads(threads);
      const mine = on(backend.name, f);
      for (const [i, { values }] of right.entries()) {
        const wrong = values.findIndex((x, j) => !Object.is(x, mine[i]!.values[j]));
        if (wrong >= 0)
          throw new Error(
            `${backend.name}: output ${i} is ${mine[i]!.values[wrong]} at ${wrong}, not ${values[wrong]}.`,
          );
      }
    }
  }
}

natively('every build of this processor agrees with WebAssembly in all its kernels', () => {
  expect(wasm.native).toEqual([]);
  expect(backends.length).toBeGreaterThan(0);
  for (const backend of backends) {
    expect(backend.native).toEqual(
      expect.arrayContaining(['packB', 'gemm', 'gemmEach', 'gemmPanels', 'gemvRows', 'gemvColumns']),
    );
    expect(backend.native).toEqual(expect.arrayContaining(['gelu', 'geluGrad', 'gated', 'gatedGrad', 'adamw']));
  }
});

const size = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 80 }));
const depth = fc.oneof(size, size, size, fc.constantFrom(767, 769, 1537));

natively('products of all shapes, transpositions and batches have the same bits', () => {
  fc.assert(
    fc.property(
      fc.record({ M: size, N: size, K: depth, batch: fc.constantFrom(1, 2, 9), shared: fc.boolean() }),
      fc.record({ transposeA: fc.boolean(), transposeB: fc.boolean(), added: fc.boolean(), relu: fc.boolean() }),
      ({ M, N, K, batch: many, shared }, { transposeA, transposeB, added, relu }) => {
        const batch = Math.max(1, Math.min(many, Math.floor(190_000 / (K * Math.max(M, N)))));
        const shapeA = [batch, ...(transposeA ? [K, M] : [M, K])];
        const shapeB = [shared ? 1 : batch, ...(transposeB ? [N, K] : [K, N])];
        expectBits(() => {
          const [a, b] = [some(shapeA, 0), some(shapeB, 7)];
          if (!added) return tf.matMul(a, b, transposeA, transposeB);
          const bias = some([N], 3);
          return kernel(
            '_FusedMatMul',
            { a, b, bias },
            { transposeA, transposeB, activation: relu ? 'relu' : 'linear' },
          );
        });
      },
    ),
    { numRuns: 60, seed: 1 },
  );
});

natively('a few rows by a matrix that lies as it is, in pieces of its columns', () => {
  for (const [M, K, N] of [
    [1, 7, 1037],
    [3, 13, 515],
    [8, 4, 700],
  ] as const) {
    for (const activation of ['linear', 'relu']) {
      expectBits(() => {
        const [a, b, bias] = [some([M, K], 0), some([K, N], 7), some([N], 3)];
        return [tf.matMul(a, b), ...kernel('_FusedMatMul', { a, b, bias }, { activation })];
      });
    }
  }
});

natively('products of many blocks, with residuals and activations', () => {
  for (const [N, I, O] of [
    [300, 130, 97],
    [97, 1000, 65],
    [1, 50, 301],
    [5, 70, 40],
  ] as const) {
    expectBits(() => {
      const x = tf.tensor(numbers([N, I], 1), [N, I]);
      const weight = tf.tensor(numbers([O, I], 2), [O, I]);
      const bias = tf.tensor(numbers([O], 3), [O]);
      const residual = tf.tensor(numbers([N, O], 4), [N, O]);
      return [
        ...kernel('Linear', { x, weight, bias, residual }, { activation: 'erf' }),
        ...kernel('Linear', { x, weight }, { activation: 'none' }),
      ];
    });
  }
});

natively('NaN, infinities, zeros and subnormal numbers come out as in WebAssembly', () => {
  const special = [0, -0, 1e-40, -1e-40, 1e38, -1e38, Infinity, -Infinity, Number.NaN, 1, -1];
  const fill = (shape: number[], step: number): tf.Tensor =>
    tf.tensor(
      Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => special[(i * step) % 11]!),
      shape,
    );
  for (const transposeB of [false, true]) {
    expectBits(() =>
      tf.matMul(fill([20, 13], 3) as tf.Tensor2D, fill(transposeB ? [37, 13] : [13, 37], 5), false, transposeB),
    );
    expectBits(() =>
      tf.matMul(fill([2, 13], 3) as tf.Tensor2D, fill(transposeB ? [37, 13] : [13, 37], 5), false, transposeB),
    );
  }
  expectBits(() => kernel('_FusedMatMul', { a: fill([20, 3], 1), b: fill([3, 20], 2) }, { activation: 'relu' }));
});

natively('activations, their gradients and gated forms have the same bits', () => {
  for (const approximate of ['erf', 'tanh', 'quick', 'silu']) {
    for (const n of [1, 5, 37, 40_001]) {
      expectBits(() => {
        const [x, dy] = [1, 2].map((from) => tf.mul(some([n], from), 9)) as [tf.Tensor, tf.Tensor];
        return [
          ...kernel('Gelu', { x }, { approximate }),
          ...kernel('GeluGrad', { dy, x }, { approximate }),
          ...kernel('Gated', { x, gate: dy }, { approximate }),
          ...kernel('GatedGrad', { dy, x, gate: dy }, { approximate }),
        ];
      });
    }
  }
});

natively('AdamW takes the same steps', () => {
  for (const n of [3, 70_003]) {
    expectBits(() => {
      const [param, grad, m] = [1, 2, 3].map((seed) => tf.tensor1d(numbers([n], seed))) as tf.Tensor[];
      const v = tf.square(tf.tensor1d(numbers([n], 4)));
      const inputs = { param: param!, grad: grad!, m: m!, v, factor: tf.scalar(0.7) };
      const rest = { lr: 1e-2, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.05, step: 3, gradScale: 0.5 };
      kernel('AdamWUpdate', inputs, rest);
      return [param!, m!, v].map((x) => tf.clone(x));
    });
  }
});

natively('products with packed weights have the same bits, in all formats', () => {
  for (const format of quantizedFormats) {
    const width = isPackable(format, 7) ? 77 : isPackable(format, 96) ? 96 : 1024;
    for (const [M, N] of [
      [1, 5],
      [3, 40],
      [4, 19],
      [11, 35],
      [37, 18],
    ] as const) {
      const { bytes, scales } = quantize(numbers([N, width], M), [N, width], format);
      const padded = new Uint8Array(4 * Math.ceil(bytes.length / 4));
      padded.set(bytes);
      expectBits(() => {
        const inputs = {
          x: tf.tensor(numbers([M, width], 1, 3), [M, width]),
          bias: tf.tensor(numbers([N], 2), [N]),
          residual: tf.tensor(numbers([M, N], 3), [M, N]),
          words: tf.tensor1d(new Int32Array(padded.buffer), 'int32'),
          ...(scales && { scales: tf.tensor1d(scales) }),
        };
        return kernel('QuantizedLinear', inputs, { format, shape: [N, width], activation: 'none' });
      });
    }
  }
});

natively('a heap that has grown is used to its end', () => {
  const backend = backends[0]!;
  const { size: before } = backend.heap.statistics();
  const big = before + (1 << 20);
  const pointer = backend.heap.allocate(big);
  expect(backend.heap.statistics().size).toBeGreaterThan(before);
  backend.heap.free(pointer, big);
  expectBits(() => tf.matMul(tf.ones([700, 700]), tf.ones([700, 700])));
});

natively('what reaches beyond the heap is an error, not a crash, in every thread', async () => {
  const { native, file, addon, build } = { native: backends[0]!, ...(library as NativeLibrary) };
  expect(file).toMatch(/kernels\.node$/);
  const { functions } = addon.attach(new Uint8Array(native.heap.buffer), build)!;
  const end = native.heap.statistics().size;
  expect(() => functions.gelu!(0, 4, 0, 0, end - 32, 4096)).toThrow('reaches beyond the heap');
  expect(() => functions.gelu!(0, 2 ** 30, 0, 0, 4096, 4096)).toThrow(
    'Argument 4 of the native kernel gelu is out of range',
  );
  expect(() => functions.gelu!(0, 4, 0, 9, 4096, 4096)).toThrow('Argument 3');
  expect(() => functions.gelu!(4, 0, 0, 0, 4096, 4096)).toThrow('Argument 1');
  expect(() => functions.gelu!(0, 4, 0, 0, 4097, 4096)).toThrow('Argument 4');
  expect(() => functions.gelu!(0, 4, 0, 0, Number.NaN, 4096)).toThrow('Argument 4');
  expect(() => functions.gelu!(0, 4, 0)).toThrow('Argument 3');
  expect(() => functions.gelu!(0, 4, 0, 0, '1' as never, 4096)).toThrow('Argument 4');
  expect(functions.gelu!(0, 0, 0, 0, 4096, 4096)).toBeUndefined();
  addon.resize(new Uint8Array(native.heap.buffer), 0);
  expect(() => functions.gelu!(0, 4, 0, 0, 4096, 4096)).toThrow('reaches beyond the heap');
  addon.attach(new Uint8Array(native.heap.buffer), build);
  expect(() => addon.attach([] as never, build)).toThrow('attach needs a Uint8Array');
  expect(addon.attach(new Uint8Array(native.heap.buffer), 'sse')).toBeUndefined();
});

test('native kernels are off by option and by environment, without a warning, as where they are not installed', async () => {
  const warnings = await warningsOf(async () => {
    expect(await openNative(host, false)).toBeUndefined();
    const { native: _, ...browser } = host;
    expect(await openNative(browser, true)).toBeUndefined();
    expect(await openNative({ ...host, native: { ...host.native!, find: () => undefined } }, true)).toBeUndefined();
    for (const setting of ['0', 'off']) {
      expect(await openNative({ ...host, native: { ...host.native!, setting: () => setting } }, true)).toBeUndefined();
    }
  });
  expect(warnings).toEqual([]);
});

natively('a file that is not whole, of another version or another platform is refused with one line', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'native-'));
  try {
    const path = join(folder, 'kernels.node');
    const url = pathToFileURL(path);
    const attempt = (): Promise<string[]> =>
      warningsOf(async () => expect(await openNative(host, url)).toBeUndefined());
    expect(await attempt()).toEqual([expect.stringMatching(/run in WebAssembly: .*ENOENT/)]);
    await copyFile(new URL('kernels.json', file), join(folder, 'kernels.json'));
    await writeFile(path, (await readFile(file as URL)).subarray(0, 5000));
    expect(await attempt()).toEqual([expect.stringContaining('its content differs from its kernels.json')]);
    const other = Buffer.from('MZ of another system');
    await writeFile(path, other);
    const sha256 = Buffer.from(await crypto.subtle.digest('SHA-256', other)).toString('hex');
    await writeFile(join(folder, 'kernels.json'), JSON.stringify({ sha256 }));
    const lines = await attempt();
    expect(lines).toEqual([
      expect.stringMatching(/^Kernels of the simd backend run in WebAssembly: .*; BLIP2_NATIVE=0/),
    ]);
    expect(lines[0]).not.toContain('\n');
  } finally {
    await rm(folder, { recursive: true });
  }
});

natively('kernels that give other results stay in WebAssembly', async () => {
  const real = library as NativeLibrary;
  const addon = {
    ...real.addon,
    attach: (heap: Uint8Array, build: string) => {
      const attached = real.addon.attach(heap, build)!;
      const wrong = (begin: number, end: number, thread: number, ...args: number[]): void => {
        attached.functions.gelu!(begin, end, thread, ...args);
        new Float32Array(heap.buffer, args[2] as number, 1)[0]! += 1e-7;
      };
      return { ...attached, functions: { ...attached.functions, gelu: wrong } };
    },
  };
  const { Heap } = await import('./heap.js');
  const { Pool } = await import('./pool.js');
  const { SimdBackend } = await import('./backend.js');
  const { agreement } = await import('./agreement.js');
  const module = await WebAssembly.compile(await readFile(new URL('../dist/kernels.relaxed.wasm', import.meta.url)));
  const heap = new Heap();
  const pool = new Pool(heap, { native: { ...real, addon } });
  const backend = new SimdBackend(heap, pool, { name: 'other', relaxedSimd: true });
  const { wasm: before, kernels } = await pool.load(module, agreement(backend));
  expect(await warningsOf(async () => expect(kernels.gemm.native?.build).toBe(pool.build))).toEqual([
    expect.stringMatching(/the native gelu \(\w+\) give other results/),
  ]);
  expect(kernels.gelu).toBe(before.gelu);
  expect(pool.native()).toContain('gemm');
  expect(pool.native()).not.toContain('gelu');
  pool.dispose();
});
