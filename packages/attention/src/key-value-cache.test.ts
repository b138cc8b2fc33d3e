import { register } from '@blip2/backend-simd';
import { rng } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { attend } from './attend.js';
import { registerAttention } from './fused/register.js';
import { type KeyValueCache, keyValueCache } from './key-value-cache.js';
import { additiveMask } from './masks.js';
import { rotary } from './rotary.js';
import { rotaryTables } from './rotary-tables.js';

const backend = await register({ threads: 2 });
await registerAttention(backend);
await tf.ready();

const random = (shape: number[], seed: number): tf.Tensor => {
  const next = rng(seed);
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => 2 * next() - 1);
  return tf.tensor(values, shape);
};
const columns = (x: tf.Tensor, from: number, length: number): tf.Tensor =>
  tf.slice(x, [0, from, 0], [x.shape[0] as number, length, x.shape[2] as number]);
const append = (cache: KeyValueCache, key: tf.Tensor, value: tf.Tensor): void => {
  cache.append({ key, value });
  tf.dispose([key, value]);
};

function reordered(): void {
  const next = rng(7);
  const cache = keyValueCache({ capacity: 6 });
  /** Keys and values of each row, [1,P,6]. */
  let texts: [tf.Tensor, tf.Tensor][] = [];
  for (let step = 0; step < 25; step++) {
    const B = texts.length || 2;
    const [key, value] = [random([B, 1 + (step % 3), 6], step), random([B, 1 + (step % 3), 6], step + 100)] as const;
    cache.append({ key, value });
    const longer = (past: tf.Tensor | undefined, x: tf.Tensor, b: number): tf.Tensor => {
      const row = tf.slice(x, [b, 0, 0], [1, -1, -1]);
      return past ? tf.concat([past, row], 1) : row;
    };
    const grown = Array.from({ length: B }, (_, b): [tf.Tensor, tf.Tensor] => [
      longer(texts[b]?.[0], key, b),
      longer(texts[b]?.[1], value, b),
    ]);
    const parents = Array.from({ length: 1 + Math.floor(next() * 5) }, () => Math.floor(next() * B));
    cache.reorder(parents);
    texts = parents.map((b) => grown[b] as [tf.Tensor, tf.Tensor]);
    const [rows, L] = [cache.rows, cache.length];
    expect(rows).toBe(parents.length);
    const keep = Float32Array.from({ length: rows * L }, (_, i) => Math.sign(i % 5));
    const options = { heads: 2, causal: true, mask: additiveMask(tf.tensor2d(keep, [rows, L])) };
    const q = random([rows, 2, 6], step + 200);
    const [keys, values] = [0, 1].map((i) => tf.concat(texts.map((text) => text[i] as tf.Tensor))) as [
      tf.Tensor,
      tf.Tensor,
    ];
    expectClose(cache.attend(q, options), attend(q, keys, values, options), 1e-5);
  }
  cache.dispose();
}

describe.each(['simd', 'cpu'])('on %s', (name) => {
  beforeEach(() => tf.setBackend(name));
  afterEach(() => tf.setBackend('simd'));

  test('step by step equals one causal pass, past several times that it grows', async () => {
    await expectNoLeak(() => {
      const [q, key, value] = [random([2, 45, 8], 1), random([2, 45, 8], 2), random([2, 45, 8], 3)] as const;
      const cache = keyValueCache({ capacity: 4 });
      const steps: tf.Tensor[] = [];
      for (let at = 0, L = 3; at < 45; at += L, L = at === 3 ? 5 : 1) {
        append(cache, columns(key, at, L), columns(value, at, L));
        expect([cache.rows, cache.length]).toEqual([2, at + L]);
        const part = columns(q, at, L);
        steps.push(cache.attend(part, { heads: 2, causal: true }));
        part.dispose();
      }
      const [whole, joined] = [attend(q, key, value, { heads: 2, causal: true }), tf.concat(steps, 1)];
      expectClose(joined, whole, 1e-5);
      cache.dispose();
      tf.dispose([q, key, value, whole, joined, ...steps]);
    });
  });

  test('rows that are reordered, multiplied and dropped equal those computed anew', async () => {
    await expectNoLeak(() => tf.tidy(reordered));
  });

  test('frees all it holds, once or twice', async () => {
    const [one, two] = [random([2, 3, 4], 1), random([3, 70, 4], 2)];
    await expectNoLeak(() => {
      const cache = keyValueCache();
      cache.append({ key: one, value: one });
      cache.reorder([1, 1, 0]);
      tf.tidy(() => {
        cache.append({ key: two, value: two }); // survives the scope
        cache.reorder([2, 1, 0]);
      });
      tf.dispose(cache.attend(two, { heads: 2 }));
      expect(cache.length).toBe(73);
      cache.reorder([]);
      expect(cache.rows).toBe(0);
      cache.dispose();
      cache.dispose();
    });
    expect(one.isDisposed).toBe(false);
  });

  test('what does not fit is named', () => {
    const cache = keyValueCache();
    const x = random([2, 3, 4], 1);
    expect(() => cache.attend(x, { heads: 2 })).toThrow('append keys and values first');
    cache.append({ key: x, value: x });
    expect(() => cache.append({ key: x, value: random([2, 2, 4], 1) })).toThrow(
      'of the same shape, not [2,3,4] and [2,2,4]',
    );
    expect(() => cache.append({ key: random([1, 3, 4], 1), value: random([1, 3, 4], 1) })).toThrow('[2,P,4]');
    expect(() => cache.reorder([0, 2])).toThrow('no row 2; choose 0 to 1');
    cache.dispose();
  });
});

test('a step of thousands allocates nothing and leaves what was written where it is', () => {
  tf.setBackend('simd');
  const cache = keyValueCache({ capacity: 4096 });
  const one = random([1, 1, 64], 1);
  cache.append({ key: one, value: one });
  const before = [tf.memory().numBytes, backend.heap.statistics().live];
  const names = backend.profile(() => {
    for (let i = 0; i < 4000; i++) cache.append({ key: one, value: one });
  });
  expect([tf.memory().numBytes, backend.heap.statistics().live]).toEqual(before);
  expect(names.map((op) => [op.name, op.calls])).toEqual([['AppendRows', 8000]]);
  expect(cache.length).toBe(4001);
  cache.dispose();
  one.dispose();
});

test('a beam whose children are alone is not copied, and one with two is copied once', () => {
  tf.setBackend('simd');
  const cache = keyValueCache({ capacity: 8 });
  const x = random([4, 3, 8], 1);
  cache.append({ key: x, value: x });
  const ops = (parents: number[]): string[] => backend.profile(() => cache.reorder(parents)).map(({ name }) => name);
  expect(ops([3, 1, 0, 2])).toEqual([]);
  expect(ops([2, 2, 0])).toEqual(['CopyRows']);
  cache.dispose();
  x.dispose();
});

test('a cache goes on where it began', () => {
  tf.setBackend('simd');
  const cache = keyValueCache();
  const x = random([1, 1, 8], 1);
  cache.append({ key: x, value: x });
  tf.setBackend('cpu');
  expect(() => cache.append({ key: x, value: x })).toThrow('set the backend on which the cache was created');
  tf.setBackend('simd');
  cache.dispose();
});

describe('what is appended and attended to at once', () => {
  beforeEach(() => tf.setBackend('simd'));
  afterEach(() => tf.setBackend('cpu'));

  test.each([
    ['plain', false, false],
    ['rotated, with fewer heads of keys', true, false],
    ['rotated by positions of each row, with a mask', true, true],
  ])('%s: is what it is step by step, to the bit, in any order of rows', async (_, turned, padded) => {
    await expectNoLeak(() => {
      tf.tidy(() => {
        const [heads, keyHeads, K] = turned ? [4, 2, 12] : [3, 3, 8];
        const [one, apart] = [keyValueCache({ capacity: 4 }), keyValueCache({ capacity: 4 })];
        for (let step = 0; step < 6; step++) {
          const [B, L] = [one.rows || 2, step === 0 ? 3 : 1 + (step % 2)];
          const next = { key: random([B, L, keyHeads * K], step), value: random([B, L, keyHeads * K], step + 50) };
          const q = random([B, L, heads * K], step + 100);
          const P = one.length + L;
          const keep = Float32Array.from({ length: B * P }, (_, i) => Math.sign(i % 5));
          const mask = padded ? additiveMask(tf.tensor2d(keep, [B, P])) : undefined;
          const options = { heads, keyHeads, causal: true, mask };
          const tables = rotaryTables({ positions: 30, dimensions: K });
          const rows = Int32Array.from({ length: B * L }, (_, i) => (i * 7 + step) % 30);
          const positions = padded ? tf.tensor2d(rows, [B, L], 'int32') : tf.range(step, step + L, 1, 'int32');
          const rotations = turned ? { tables, positions } : undefined;
          const rotated = (x: tf.Tensor, count: number): tf.Tensor =>
            rotations ? rotary(x, { heads: count, ...rotations }) : x;
          apart.append({ key: rotated(next.key, keyHeads), value: next.value });
          const expected = apart.attend(rotated(q, heads), options);
          const names = backend.profile(() => {
            expectClose(one.extend(q, next, { ...options, rotations }), expected, 0);
          });
          expect(names.map(({ name }) => name)).toContain('ExtendAttention');
          expect(names.map(({ name }) => name)).not.toContain('AppendRows');
          for (const cache of [one, apart]) cache.reorder(step % 2 ? [1, 0, 1] : [1, 0]);
        }
        one.dispose();
        apart.dispose();
      });
    });
  });

  test('a gradient of the query is recorded, and other backends compose it', () => {
    tf.tidy(() => {
      const given = () => ({
        next: { key: random([1, 2, 8], 1), value: random([1, 2, 8], 2) },
        options: { heads: 2, rotations: { tables: rotaryTables({ positions: 2, dimensions: 4 }) } },
      });
      const { next, options } = given();
      const cache = keyValueCache();
      const dq = tf.grad((q) => tf.sum(tf.square(cache.extend(q, next, options))))(random([1, 2, 8], 3));
      expect(tf.max(tf.abs(dq)).dataSync()[0]).toBeGreaterThan(0.01);
      cache.dispose();
      tf.setBackend('cpu');
      const onCpu = given();
      const other = keyValueCache();
      expect(other.extend(random([1, 2, 8], 3), onCpu.next, onCpu.options).shape).toEqual([1, 2, 8]);
      other.dispose();
    });
  });
});
