import { register } from '@blip2/backend-simd';
import { rng } from '@blip2/tensor';
import { expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { type RotaryOptions, rotary } from '../rotary.js';
import { rotaryTables } from '../rotary-tables.js';
import { registerAttention } from './register.js';

const backend = await register({ threads: 2 });
await registerAttention(backend);
await tf.ready();
tf.setBackend('simd');

const random = (shape: number[], seed: number): tf.Tensor => {
  const next = rng(seed);
  return tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => 2 * next() - 1),
    shape,
  );
};

const sizes = fc.record({
  B: fc.integer({ min: 1, max: 3 }),
  L: fc.integer({ min: 1, max: 9 }),
  heads: fc.integer({ min: 1, max: 3 }),
  half: fc.integer({ min: 1, max: 18 }),
  positions: fc.constantFrom('from an offset', 'of columns', 'of rows'),
});

test('the kernel has the bits of the ops that it stands for, forward and backward', async () => {
  await expectNoLeak(() => {
    fc.assert(
      fc.property(sizes, ({ B, L, heads, half, positions }) => {
        tf.tidy(() => {
          const tables = rotaryTables({ positions: 40, dimensions: 2 * half });
          const x = random([B, L, heads * 2 * half], 1);
          const rows = Int32Array.from({ length: B * L }, (_, i) => (i * 11 + 3) % 40);
          const where: RotaryOptions =
            positions === 'from an offset'
              ? { offset: 5 }
              : positions === 'of columns'
                ? { positions: tf.tensor1d(rows.subarray(0, L), 'int32') }
                : { positions: tf.tensor2d(rows, [B, L], 'int32') };
          const dy = random(x.shape, 2);
          const of = (): Float32Array[] => {
            const options = { heads, tables, ...where };
            const grad = tf.grad((x) => tf.sum(tf.mul(dy, rotary(x, options))))(x);
            return [rotary(x, options), grad].map((y) => y.dataSync() as Float32Array);
          };
          const kernel = tf.getKernel('Rotary', 'simd') as tf.KernelConfig;
          const names = backend.profile(() => void rotary(x, { heads, tables, ...where }));
          expect(names.map(({ name }) => name)).toEqual(['Rotary']);
          const found = of();
          tf.unregisterKernel('Rotary', 'simd');
          try {
            expect(found).toEqual(of());
          } finally {
            tf.registerKernel(kernel);
          }
        });
      }),
      { numRuns: 25 },
    );
  });
});

test('rows that the tables do not have are refused', () => {
  tf.tidy(() => {
    const tables = rotaryTables({ positions: 4, dimensions: 4 });
    const x = random([1, 2, 4], 1);
    const positions = tf.tensor1d([0, 4], 'int32');
    expect(() => rotary(x, { heads: 1, tables, positions })).toThrow('Rotary tables of 4 rows have no row 4.');
    expect(() => rotary(x, { heads: 1, tables, offset: 3 })).toThrow('rotary needs positions up to 5');
  });
});
