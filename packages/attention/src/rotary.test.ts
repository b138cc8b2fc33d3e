import { rng } from '@blip2/tensor';
import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { splitHeads } from './heads.js';
import { type RotaryOptions, rotary } from './rotary.js';
import { rotaryTables } from './rotary-tables.js';

const random = (shape: number[], seed: number): tf.Tensor => {
  const next = rng(seed);
  return tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => 2 * next() - 1),
    shape,
  );
};

/** The formula by plain loops, x [B,H,L,K]. */
function plain(x: tf.Tensor, at: (b: number, l: number) => number, { dimensions, interleaved, base }: RotaryOptions) {
  const K = x.shape[3] as number;
  const R = dimensions ?? K;
  const heads = x.arraySync() as number[][][][];
  return heads.flatMap((rows, b) =>
    rows.flatMap((columns) =>
      columns.flatMap((given, l) => {
        const y = [...given];
        for (let i = 0; i < R / 2; i++) {
          const [one, other] = interleaved ? [2 * i, 2 * i + 1] : [i, i + R / 2];
          const angle = at(b, l) * (base ?? 10000) ** ((-2 * i) / R);
          y[one] = given[one]! * Math.cos(angle) - given[other]! * Math.sin(angle);
          y[other] = given[other]! * Math.cos(angle) + given[one]! * Math.sin(angle);
        }
        return y;
      }),
    ),
  );
}

const variants: RotaryOptions[] = [
  {},
  { interleaved: true },
  { dimensions: 4 },
  { dimensions: 2, interleaved: true, base: 500 },
];

test.each(variants)('equals plain loops, heads apart and together, from an offset: %j', (variant) => {
  tf.tidy(() => {
    const together = random([2, 3, 12], 1);
    const x = splitHeads(together, 2);
    const right = plain(x, (_, l) => l + 40, variant);
    expectClose(rotary(x, { ...variant, offset: 40 }), right, 1e-5);
    expectClose(splitHeads(rotary(together, { ...variant, heads: 2, offset: 40 }), 2), right, 1e-5);
    const { dimensions = 6, base } = variant;
    const tables = rotaryTables({ positions: 43, dimensions, base });
    expectClose(rotary(x, { ...variant, tables, offset: 40 }), right, 1e-5);
  });
});

test.each(variants)('positions are rows of the tables, one list for all rows or one each: %j', (variant) => {
  tf.tidy(() => {
    const x = random([2, 3, 4, 6], 2);
    const tables = rotaryTables({ positions: 30, dimensions: variant.dimensions ?? 6, base: variant.base });
    const rows = [
      [7, 0, 0, 29],
      [1, 2, 3, 4],
    ];
    const each = rotary(x, { ...variant, tables, positions: tf.tensor2d(rows, [2, 4], 'int32') });
    expectClose(
      each,
      plain(x, (b, l) => rows[b]![l]!, variant),
      1e-5,
    );
    const one = rotary(x, { ...variant, tables, positions: tf.tensor1d(rows[0]!, 'int32') });
    expectClose(
      one,
      plain(x, (_, l) => rows[0]![l]!, variant),
      1e-5,
    );
  });
});

test('products of turned queries and keys depend on the distance alone', () => {
  tf.tidy(() => {
    const [q, k] = [random([1, 1, 1, 8], 1), random([1, 1, 1, 8], 2)];
    const product = (i: number, j: number): tf.Tensor =>
      tf.sum(tf.mul(rotary(q, { offset: i }), rotary(k, { offset: j })));
    expectClose(product(1000, 990), product(17, 7), 1e-4);
    expectClose(product(3, 3), tf.sum(tf.mul(q, k)), 1e-6);
  });
});

test.each(variants)('the gradient agrees with finite differences and the tables get none: %j', (variant) => {
  tf.tidy(() => {
    const weight = random([2, 3, 12], 9);
    const f = (x: tf.Tensor | undefined): tf.Tensor =>
      tf.mul(weight, rotary(x as tf.Tensor, { ...variant, heads: 2, offset: 5 }));
    checkGradients(f, [random([2, 3, 12], 1)], { tolerance: 1e-3 });
    const tables = rotaryTables({ positions: 3, dimensions: variant.dimensions ?? 6 });
    const byTable = tf.grad((cos: tf.Tensor) => {
      const turned = rotary(weight, { ...variant, heads: 2, tables: { ...tables, cos: cos as tf.Tensor2D } });
      return tf.add(tf.sum(turned), tf.sum(cos));
    });
    expectClose(byTable(tables.cos), new Float32Array(tables.cos.size).fill(1), 0);
  });
});

test('leaves nothing behind, and nothing is turned where nothing is', async () => {
  const x = random([2, 3, 12], 1);
  await expectNoLeak(() => rotary(x, { heads: 2 }).dispose());
  await expectNoLeak(() => rotary(x, { heads: 2, dimensions: 2 }).dispose());
  await expectNoLeak(() =>
    tf
      .grad((x: tf.Tensor) => tf.sum(rotary(x, { heads: 3 })))(x)
      .dispose(),
  );
  await expectNoLeak(() => tf.dispose({ ...rotaryTables({ positions: 3, dimensions: 4 }) }));
  for (const shape of [
    [0, 3, 8],
    [2, 0, 8],
  ]) {
    expect(rotary(tf.zeros(shape), { heads: 2, dimensions: 2 }).shape).toEqual(shape);
  }
  expect(rotaryTables({ positions: 0, dimensions: 4 }).cos.shape).toEqual([0, 2]);
});

test('what does not belong together is named', () => {
  const x = random([2, 3, 12], 1);
  const tables = rotaryTables({ positions: 4, dimensions: 6 });
  const positions = tf.tensor1d([0, 1, 2], 'int32');
  expect(() => rotary(x, { heads: 4 })).toThrow('must be an even number from 2 to 3, not 3');
  expect(() => rotary(x, { heads: 2, dimensions: 8 })).toThrow('from 2 to 6');
  expect(() => rotary(x)).toThrow('[B,H,L,K] or a number of heads, not [2,3,12]');
  expect(() => rotary(x, { heads: 5 })).toThrow('a multiple of 5 heads');
  expect(() => rotary(x, { heads: 2, tables, offset: 2 })).toThrow('positions up to 5, but the tables have 4');
  expect(() => rotary(x, { heads: 3, tables })).toThrow('needs tables [P,2], not [4,3]');
  expect(() => rotary(x, { heads: 2, positions })).toThrow('needs tables for positions');
  expect(() => rotary(x, { heads: 2, positions: tf.zeros([3, 2], 'int32'), tables })).toThrow('not [3,2]');
  expect(() => rotary(x, { heads: 2, offset: 0.5 })).toThrow('whole offset');
  expect(() => rotaryTables({ positions: 3, dimensions: 5 })).toThrow('must be an even number above 0, not 5');
  expect(() => rotaryTables({ positions: -1, dimensions: 4 })).toThrow('whole positions');
});
