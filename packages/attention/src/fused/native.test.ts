import { register, type SimdBackend } from '@blip2/backend-simd';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { registerAttention } from './register.js';

const wasm = await register({ name: 'wasm', native: false, threads: 1 });
await registerAttention(wasm);
const backends: SimdBackend[] = [];
for (const build of ['avx512', 'avx2', 'neon']) {
  process.env.BLIP2_NATIVE = build;
  const backend = await register({ name: build, threads: 2 });
  await registerAttention(backend);
  if (backend.pool.build === build) backends.push(backend);
}
delete process.env.BLIP2_NATIVE;
const natively = backends.length > 0 ? test : test.skip;

const numbers = Float32Array.from({ length: 300_000 }, (_, i) => 3 * Math.sin((i + 1) * 12.9898));
const some = (shape: number[], from: number): tf.Tensor =>
  tf.tensor(numbers.subarray(from, from + tf.util.sizeFromShape(shape)), shape);

const sizes = fc.record({
  B: fc.integer({ min: 1, max: 3 }),
  images: fc.integer({ min: 1, max: 3 }),
  G: fc.integer({ min: 1, max: 2 }),
  group: fc.integer({ min: 1, max: 3 }),
  Q: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(24, 37, 110)),
  L: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(49, 130)),
  K: fc.constantFrom(1, 3, 4, 8, 17, 20, 32, 48),
  offset: fc.integer({ min: -3, max: 30 }),
  seen: fc.boolean(),
  rate: fc.constantFrom(0, 0, 0.3),
});
const addend = fc.option(fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), { nil: undefined });

natively('every build has the kernels', () => {
  expect(wasm.native).toEqual([]);
  for (const backend of backends)
    expect(backend.native).toEqual(expect.arrayContaining(['attention', 'attentionGrad', 'attentionBiasGrad']));
});

natively('attention and its gradients have the same bits as in WebAssembly, with one and two threads', () => {
  fc.assert(
    fc.property(sizes, addend, addend, fc.boolean(), (size, mask, bias, byRows) => {
      const { B, images, G, group, Q, L, K, offset, seen, rate } = size;
      const H = G * group;
      const I = byRows ? images : B;
      const attrs = { heads: H, keyHeads: G, length: L, scale: 0.3, offset: seen ? L : offset, rate, seed: 3 };
      const shapeOf = (axes: boolean[]): number[] => [B, H, Q, L].map((n, i) => (axes[i] ? n : 1));
      const compute = (name: string): Float32Array[] => {
        tf.setBackend(name);
        try {
          return tf.tidy(() => {
            const inputs: tf.NamedTensorMap = {
              ...{ q: some([B, Q, H * K], 0), k: some([I, L + 1, G * K], 5), v: some([I, L + 1, G * K], 9) },
              ...(mask ? { mask: tf.mul(some(shapeOf(mask), 3), 20) } : {}),
              ...(bias ? { bias: some(shapeOf(bias), 4) } : {}),
              ...(byRows
                ? {
                    rows: tf.tensor1d(
                      Array.from({ length: B }, (_, b) => (b * 7 + 1) % I),
                      'int32',
                    ),
                  }
                : {}),
            };
            const op = group === 1 ? 'Attention' : 'GroupedAttention';
            const run = (kernel: string, more: tf.NamedTensorMap): tf.Tensor[] => {
              const out = tf.engine().runKernel(kernel, { ...inputs, ...more } as never, attrs as never);
              return (Array.isArray(out) ? out : [out]) as tf.Tensor[];
            };
            const dy = some([B, Q, H * K], 11);
            const outputs = [
              ...run(op, {}),
              ...run(`${op}Grad`, { dy }),
              ...(bias ? run(`${op}GradWithBias`, { dy }) : []),
            ];
            return outputs.map((x) => x.dataSync() as Float32Array);
          });
        } finally {
          tf.setBackend('wasm');
        }
      };
      const right = compute('wasm');
      for (const backend of backends) {
        for (const threads of [1, 2]) {
          backend.setThreads(threads);
          const mine = compute(backend.name);
          for (const [i, values] of right.entries()) {
            const wrong = values.findIndex((x, j) => !Object.is(x, mine[i]![j]));
            if (wrong >= 0)
              throw new Error(`${backend.name}: output ${i} is ${mine[i]![wrong]} at ${wrong}, not ${values[wrong]}.`);
          }
        }
      }
    }),
    { numRuns: 60, seed: 1 },
  );
});
