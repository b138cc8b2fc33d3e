import { dispose, type Flat, rng } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { adamw } from './adamw.js';
import { lavisWeightDecay } from './groups.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

afterEach(() => {
  if (tf.getKernel('AdamWUpdate', 'cpu')) tf.unregisterKernel('AdamWUpdate', 'cpu');
});

type Arrays = Record<string, Float64Array>;
const shapes: Record<string, number[]> = { 'a.weight': [3, 4], 'a.bias': [4], temp: [] };
const sizes = Object.entries(shapes).map(([path, shape]) => [path, tf.util.sizeFromShape(shape)] as const);
const settings = { betas: [0.9, 0.98] as const, epsilon: 1e-8, weightDecay: 0.1, decayRule: lavisWeightDecay };

const numbers = (seed: number): Arrays => {
  const random = rng(seed);
  return Object.fromEntries(
    sizes.map(([path, size]) => [path, Float64Array.from({ length: size }, () => Math.fround(2 * random() - 1))]),
  );
};
const tensors = (arrays: Arrays): Flat =>
  Object.fromEntries(Object.entries(arrays).map(([path, values]) => [path, tf.tensor([...values], shapes[path])]));

/** The formula in double precision. */
class Reference {
  readonly m = Object.fromEntries(sizes.map(([path, size]) => [path, new Float64Array(size)]));
  readonly v = Object.fromEntries(sizes.map(([path, size]) => [path, new Float64Array(size)]));
  readonly steps: Record<string, number> = {};
  constructor(readonly params: Arrays) {}

  update(grads: Arrays, lr: number, gradScale = 1): void {
    for (const [path, grad] of Object.entries(grads)) {
      const p = this.params[path]!;
      const [m, v] = [this.m[path]!, this.v[path]!];
      const t = (this.steps[path] ?? 0) + 1;
      this.steps[path] = t;
      for (let i = 0; i < p.length; i++) {
        const g = grad[i]! * gradScale;
        if (path !== 'a.bias') p[i] = p[i]! * (1 - lr * 0.1);
        m[i] = 0.9 * m[i]! + 0.1 * g;
        v[i] = 0.98 * v[i]! + 0.02 * g * g;
        p[i] = p[i]! - (lr * (m[i]! / (1 - 0.9 ** t))) / (Math.sqrt(v[i]! / (1 - 0.98 ** t)) + 1e-8);
      }
    }
  }
}

/** What a backend's own kernel does: in place on the values. */
function registerInPlace(): { calls: number } {
  const count = { calls: 0 };
  tf.registerKernel({
    kernelName: 'AdamWUpdate',
    backendName: 'cpu',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const { lr, beta1, beta2, epsilon, weightDecay, step, gradScale } = attrs as Record<string, number>;
      const store = backend as unknown as { data: { get(id: object): { values: Float32Array } } };
      const [p, g, m, v] = ['param', 'grad', 'm', 'v'].map((name) => store.data.get(inputs[name]!.dataId).values);
      for (let i = 0; i < p!.length; i++) {
        const grad = g![i]! * gradScale!;
        m![i] = beta1! * m![i]! + (1 - beta1!) * grad;
        v![i] = beta2! * v![i]! + (1 - beta2!) * grad * grad;
        const root = Math.sqrt(v![i]! / (1 - beta2! ** step!)) + epsilon!;
        p![i] = p![i]! * (1 - lr! * weightDecay!) - (lr! * (m![i]! / (1 - beta1! ** step!))) / root;
      }
      count.calls++;
      return [];
    },
  });
  return count;
}

function run(
  steps: number,
  gradsOf: (step: number) => Arrays,
  gradScale = 1,
  factor?: tf.Scalar,
): { actual: Flat; expected: Arrays } {
  const optimizer = adamw(settings);
  const reference = new Reference(numbers(0));
  let trainable = tensors(numbers(0));
  let state = optimizer.init(trainable);
  for (let step = 0; step < steps; step++) {
    const lr = 1e-2 * (1 + step / 10);
    const values = gradsOf(step);
    const grads = tensors(values);
    ({ trainable, state } = optimizer.update(trainable, grads, state, { lr, gradScale, factor }));
    reference.update(values, lr, gradScale * (factor?.dataSync()[0] ?? 1));
    dispose(grads);
  }
  dispose(state.m);
  dispose(state.v);
  return { actual: trainable, expected: reference.params };
}

function expectSame({ actual, expected }: ReturnType<typeof run>): void {
  for (const [path, values] of Object.entries(expected)) expectClose(actual[path]!, values, 2e-6);
  dispose(actual);
}

test('20 steps agree with the formula in double precision', () => {
  expectSame(run(20, (step) => numbers(step + 1)));
  expectSame(run(20, (step) => numbers(step + 1), 0.25));
  expectSame(run(20, (step) => numbers(step + 1), 0.5, tf.scalar(0.25)));
});

test('20 steps through an in-place kernel agree too, under the same contract', () => {
  const count = registerInPlace();
  expectSame(run(20, (step) => numbers(step + 1), 0.5));
  expect(count.calls).toBe(60);
});

test('a step that touches fewer tensors leaves the others, and their bias correction, alone', () => {
  expectSame(
    run(9, (step) => {
      const { temp, 'a.bias': bias, ...rest } = numbers(step + 1);
      return step % 3 === 0 ? { temp: temp!, 'a.bias': bias!, ...rest } : { temp: temp! };
    }),
  );
});

test('nothing leaks, with or without the kernel', async () => {
  await expectNoLeak(() => dispose(run(3, (step) => numbers(step)).actual));
  registerInPlace();
  await expectNoLeak(() => dispose(run(3, (step) => numbers(step)).actual));
});

test('the learning rate is scaled by tensor', () => {
  const optimizer = adamw({ weightDecay: 0, lrScale: (path) => (path === 'a' ? 0.5 : 1) });
  const trainable = { a: tf.scalar(0), b: tf.scalar(0) };
  const { trainable: next } = optimizer.update(
    trainable,
    { a: tf.scalar(3), b: tf.scalar(3) },
    optimizer.init(trainable),
    {
      lr: 0.1,
    },
  );
  expectClose(next.a!, [-0.05]);
  expectClose(next.b!, [-0.1]);
});

test('wrong trees and numbers are refused before anything changes', () => {
  const optimizer = adamw();
  const trainable = { a: tf.zeros([2]) };
  const state = optimizer.init(trainable);
  expect(() => optimizer.update(trainable, { b: tf.zeros([2]) }, state, { lr: 1 })).toThrow(
    "gradient for 'b' but no param",
  );
  expect(() => optimizer.update(trainable, { a: tf.zeros([3]) }, state, { lr: 1 })).toThrow('[3] but its param is [2]');
  expect(trainable.a.isDisposed).toBe(false);
  expect(() => adamw({ betas: [0.9, 1] })).toThrow('betas in [0,1)');
});
