import { register } from '@blip2/backend-simd';
import { dispose, rng, valueAndGrads } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { attend } from '../attend.js';
import type { AttendOptions } from '../options.js';
import { registerAttention } from './register.js';

const backend = await register({ threads: 2 });
await registerAttention(backend);
await tf.ready();
tf.setBackend('simd');

const random = (shape: number[], seed: number): tf.Tensor => {
  const next = rng(seed);
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => 4 * next() - 2);
  return tf.tensor(values, shape);
};

interface Case {
  B: number;
  /** Undefined where row b looks at b. */
  images?: number | undefined;
  /** Heads of keys and values. */
  G: number;
  /** Heads of queries that share one. */
  share?: number | undefined;
  Q: number;
  L: number;
  /** Rows of keys and values beyond L, which are NaN. */
  spare?: number | undefined;
  K: number;
  /** The shapes of mask and bias, from their names. */
  mask?: string | undefined;
  bias?: string | undefined;
  causal?: AttendOptions['causal'];
  /** The rate of dropout. */
  rate?: number | undefined;
}

interface Given {
  inputs: [tf.Tensor, tf.Tensor, tf.Tensor];
  bias?: tf.Tensor | undefined;
  dy: tf.Tensor;
  options: AttendOptions & { heads: number };
}

function given({ B, images, G, share = 1, Q, L, spare = 0, K, mask, bias, causal, rate }: Case): Given {
  const I = images ?? B;
  const H = G * share;
  const sizes: Record<string, number> = { B, H, Q, L, 1: 1 };
  const rows =
    images &&
    tf.tensor1d(
      Int32Array.from({ length: B }, (_, b) => (b * b * 7 + 1) % images),
      'int32',
    );
  const shapeOf = (names: string): number[] => [...names].map((axis) => sizes[axis] as number);
  const addend = mask === undefined ? undefined : random(shapeOf(mask), 6);
  const masked = addend && tf.where(tf.greater(random(addend.shape, 5), 0.5), tf.scalar(-60), addend);
  const roomy = (x: tf.Tensor): tf.Tensor => tf.concat([x, tf.fill([I, spare, G * K], Number.NaN)], 1);
  return {
    inputs: [random([B, Q, H * K], 1), roomy(random([I, L, G * K], 2)), roomy(random([I, L, G * K], 3))],
    bias: bias === undefined ? undefined : random(shapeOf(bias), 7),
    dy: random([B, Q, H * K], 4),
    options: {
      heads: H,
      keyHeads: G,
      length: L,
      causal,
      ...(rows ? { rows } : {}),
      ...(masked ? { mask: masked } : {}),
      ...(rate === undefined ? {} : { dropout: { rate, training: true, seed: 5 } }),
    },
  };
}

/** The output and the gradients by q, k and v, and by the bias. */
function run({ inputs, bias, dy, options }: Given): tf.Tensor[] {
  const f = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, bias?: tf.Tensor): tf.Tensor =>
    attend(q, k, v, { ...options, bias });
  return [f(...inputs, bias), ...tf.grads(f as never)(bias ? [...inputs, bias] : inputs, dy)];
}

/** Composed attention on tfjs' cpu backend, which has no such kernels. */
function composed(one: Case): Float32Array[] {
  tf.setBackend('cpu');
  try {
    return tf.tidy(() => run(given(one)).map((x) => x.dataSync() as Float32Array));
  } finally {
    tf.setBackend('simd');
  }
}

function expectSame(one: Case, tolerance = 2e-5): void {
  const right = composed(one);
  tf.tidy(() => {
    for (const [i, x] of run(given(one)).entries()) expectClose(x, right[i] as Float32Array, tolerance);
  });
}

test('both kernels run', () => {
  const names = backend.profile(() => tf.tidy(() => void run(given({ B: 1, G: 2, Q: 3, L: 4, K: 5 }))));
  expect(names.map(({ name }) => name)).toEqual(expect.arrayContaining(['Attention', 'AttentionGrad']));
  expect(names.map(({ name }) => name)).not.toContain('BatchMatMul');
});

test('value and gradients equal the composed ones for any sizes, rows, masks, offsets and dropout', () => {
  const arbitrary = fc.record({
    B: fc.integer({ min: 1, max: 5 }),
    images: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    G: fc.integer({ min: 1, max: 3 }),
    share: fc.constantFrom(1, 1, 2, 3),
    Q: fc.integer({ min: 1, max: 11 }),
    L: fc.integer({ min: 1, max: 20 }),
    spare: fc.integer({ min: 0, max: 2 }),
    K: fc.integer({ min: 1, max: 21 }),
    mask: fc.constantFrom(undefined, 'B11L', '111L', 'B1QL', '11QL', '1HQ1', 'BHQL', 'QL', 'L'),
    bias: fc.constantFrom(undefined, undefined, '1HQL', 'BHQL', 'QL', 'L', '1H1L', '11Q1', 'B111', '1', ''),
    causal: fc.constantFrom(undefined, true, { offset: 0 }, { offset: 3 }),
    rate: fc.constantFrom(undefined, undefined, 0.1, 0.5),
  });
  fc.assert(
    // Scores of -10000 and a little, where a query sees no key, have a thousandth of precision.
    fc.property(arbitrary, (one) => expectSame(one, one.causal === true && one.Q > one.L ? 5e-3 : 2e-5)),
    { numRuns: 60, seed: 1 },
  );
});

test('the sizes of the models, and more queries than are computed together', () => {
  expectSame({ B: 3, G: 2, Q: 20, L: 20, K: 32, mask: 'B11L' });
  expectSame({ B: 5, images: 2, G: 2, Q: 8, L: 50, K: 32 });
  expectSame({ B: 1, G: 1, Q: 130, L: 130, K: 48, causal: true });
  expectSame({ B: 1, G: 2, Q: 5, L: 257, K: 88 });
  expectSame({ B: 2, G: 1, Q: 1, L: 65, K: 80, causal: true, mask: 'B11L' });
  expectSame({ B: 2, G: 2, share: 4, Q: 13, L: 30, K: 20, causal: true, mask: 'BHQL' }); // blocks of several heads
  expectSame({ B: 3, G: 2, Q: 50, L: 50, K: 16, bias: '1HQL', mask: 'B11L' }, 5e-5);
  expectSame({ B: 2, G: 2, share: 3, Q: 31, L: 60, K: 16, causal: true, mask: 'B11L', rate: 0.1 }, 5e-5);
  expectSame({ B: 3, images: 2, G: 1, share: 2, Q: 41, L: 7, K: 6, bias: '1H1L' }, 1e-4);
});

test('the same bits with one thread and with two', () => {
  const causal = { offset: 40 };
  const cases = [
    { B: 24, images: 7, G: 6, Q: 20, L: 70, K: 32, mask: 'B11L', bias: '1HQL', causal },
    { B: 2, G: 2, share: 2, Q: 150, L: 190, K: 16, bias: '11QL', causal },
  ];
  for (const one of cases.map(given)) {
    const values = [1, 2].map((threads) => {
      backend.setThreads(threads);
      return tf.tidy(() => run(one).map((x) => x.dataSync()));
    });
    for (const [i, x] of (values[1] as tf.TypedArray[]).entries())
      expectClose(x, (values[0] as tf.TypedArray[])[i]!, 0);
  }
});

test('leaves nothing behind, neither tensors nor bytes of the heap', async () => {
  const sizes = { B: 3, images: 2, G: 1, share: 2, Q: 5, L: 7, spare: 1, K: 6 };
  const one = given({ ...sizes, mask: 'B11L', bias: '1HQL', causal: true });
  const { live } = backend.heap.statistics();
  await expectNoLeak(() => attend(...one.inputs, { ...one.options, bias: one.bias }).dispose());
  await expectNoLeak(() => tf.dispose(run(one)));
  expect(backend.heap.statistics().live).toBe(live);
});

test('the gradient by a bias is not computed where nobody asks for it', () => {
  const { inputs, options } = given({ B: 1, G: 2, Q: 3, L: 4, K: 4 });
  const bias = tf.zeros([1, 2, 3, 4]);
  const names = backend.profile(() =>
    tf.tidy(() => void tf.grads((q, k, v) => attend(q, k, v, { ...options, bias }))(inputs)),
  );
  expect(names.map(({ name }) => name)).toContain('AttentionGrad');
  expect(names.map(({ name }) => name)).not.toContain('AttentionGradWithBias');
});

test('any of the gradients come out alike, by the walk of TensorFlow.js and that of @blip2/tensor, and leave nothing behind', async () => {
  const one = given({ B: 3, G: 2, Q: 30, L: 9, K: 4, bias: '1HQL' });
  const all = { bias: one.bias!, q: one.inputs[0], k: one.inputs[1], v: one.inputs[2] };
  type Name = keyof typeof all;
  const right = run(one).slice(1);
  for (const names of [['bias'], ['q', 'bias'], ['v', 'k'], ['bias', 'q', 'k', 'v']] as Name[][]) {
    const xs = Object.fromEntries(names.map((name) => [name, all[name]])) as Partial<typeof all>;
    const y = (of: Partial<typeof all>): tf.Tensor => {
      const { q, k, v, bias } = { ...all, ...of };
      return attend(q, k, v, { ...one.options, bias });
    };
    const ours = () => valueAndGrads(() => ({ total: tf.sum(tf.mul(y({}), one.dy)) as tf.Scalar }), xs);
    const theirs = () =>
      tf.grads((...given) => y(Object.fromEntries(names.map((name, i) => [name, given[i]]))))(
        names.map((name) => all[name]),
        one.dy,
      );
    const { terms, grads } = ours();
    const made = theirs();
    for (const [i, name] of names.entries()) {
      const expected = right[['q', 'k', 'v', 'bias'].indexOf(name)] as tf.Tensor;
      expectClose(made[i]!, expected, 0);
      expectClose(grads[name]!, expected, 0);
    }
    dispose({ terms, grads, made });
    await expectNoLeak(() => tf.dispose(theirs()));
    await expectNoLeak(() => dispose(ours()));
  }
});

test('of 1024 queries and keys it holds less than an eighth of their scores', () => {
  const [heads, L, K] = [12, 1024, 64];
  const inputs = [1, 2, 3].map(() => tf.ones([1, L, heads * K])) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const dy = tf.ones([1, L, heads * K]);
  const { live, peak } = backend.heap.statistics();
  const most = live + 4 * dy.size * 4 + (heads * L * L * 4) / 8; // the output, three gradients, and an eighth
  expect(peak).toBeLessThan(most); // else nothing would be seen
  const made = tf.grads((q, k, v) => attend(q, k, v, { heads, causal: true }))(inputs, dy);
  expect(backend.heap.statistics().peak).toBeLessThan(most);
  tf.dispose([made, inputs, dy]);
});

test('rows where nothing may be seen are finite and equal the composed ones', () => {
  const blind = (): tf.Tensor[] => {
    const { inputs, dy } = given({ B: 2, G: 2, Q: 6, L: 9, K: 8 });
    const mask = tf.fill([2, 1, 1, 9], -1e9);
    return run({ inputs, dy, options: { heads: 2, causal: true, mask } });
  };
  tf.setBackend('cpu');
  const right = tf.tidy(() => blind().map((x) => x.dataSync() as Float32Array));
  tf.setBackend('simd');
  tf.tidy(() => {
    for (const [i, x] of blind().entries()) expectClose(x, right[i] as Float32Array, 2e-5);
  });
  expectSame({ B: 2, images: 1, G: 3, Q: 6, L: 12, K: 8, causal: { offset: -5 } }, 5e-3);
});

test('dropout is fused where it is on; a backend without it composes, and a row of an image that is not there is named', () => {
  const { inputs, options } = given({ B: 2, G: 2, Q: 3, L: 4, K: 4 });
  const dropout = { rate: 0.5, training: true, seed: 1 };
  const names = (dropout: AttendOptions['dropout']): string[] =>
    backend.profile(() => tf.tidy(() => void attend(...inputs, { ...options, dropout }))).map(({ name }) => name);
  expect(names(dropout)).toContain('DropoutAttention');
  expect(names({ ...dropout, training: false })).toContain('Attention');
  const own = tf.getKernel('DropoutAttention', 'simd');
  tf.unregisterKernel('DropoutAttention', 'simd');
  expect(names(dropout)).toEqual(expect.arrayContaining(['BatchMatMul', 'Dropout']));
  tf.registerKernel(own);
  expect(() => attend(...inputs, { ...options, rows: tf.tensor1d([0, 2], 'int32') })).toThrow('use 0 to 1');
});

test('a backend without a kit is refused', async () => {
  await expect(registerAttention(tf.findBackend('cpu'))).rejects.toThrow('needs the backend of @blip2/backend-simd');
});
