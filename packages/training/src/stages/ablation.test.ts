import { qformerConfig } from '@blip2/qformer';
import { flatten, initialize, unflatten, valueAndGrads } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { gradCache, type LossInput } from '@blip2/trainer';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { checkAblation, type Stage1Ablation } from './ablation.js';
import { type Stage1Params, stage1Spec } from './specs.js';
import { drawNegatives, type Stage1Batch, type Stage1Options, stage1Terms } from './stage1.js';
import { stage1Cached } from './stage1-cached.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const [B, N, D, T] = [3, 4, 6, 4];
const sizes = {
  layers: 2,
  hiddenSize: 8,
  heads: 2,
  intermediateSize: 8,
  queries: 2,
  projectionSize: 4,
  maxPositions: 8,
};
const config = qformerConfig(
  {},
  { ...sizes, encoderWidth: D, vocabSize: 20, textInput: true, initializerRange: 0.3, dropout: 0, attentionDropout: 0 },
);
const spec = stage1Spec(config);
const params = flatten(initialize(spec, 3));
const batch: Stage1Batch = {
  features: tf.randomNormal([B, N, D], 0, 2, 'float32', 5) as tf.Tensor3D,
  imageIds: tf.range(0, B, 1, 'int32'),
  ids: tf.tensor2d(
    Array.from({ length: B }, (_, i) => [2, 5 + i, 9 - i, 3]),
    [B, T],
    'int32',
  ),
  mask: tf.ones([B, T], 'int32'),
};
const given: Stage1Options = { seed: 1, smoothing: 0.1, decoderStart: 1, pad: 0 };

/** The terms under an ablation, and the gradients of their sum. */
function run(ablation: Stage1Ablation) {
  const loss = () => stage1Terms(unflatten(spec, params) as Stage1Params, config, batch, { ...given, ablation });
  const { terms, grads } = valueAndGrads(loss, params);
  const values = Object.fromEntries(Object.entries(terms).map(([name, term]) => [name, term.dataSync()[0] as number]));
  const paths = Object.keys(grads);
  tf.dispose([terms, grads] as tf.TensorContainer);
  return { values: values as Record<'total' | 'itc' | 'itm' | 'itg', number>, paths };
}

test('losses are weighed in the sum, and one of weight 0 is computed and not trained', async () => {
  await expectNoLeak(async () => {
    const { values: all, paths } = run({});
    expect(all.total).toBeCloseTo(all.itc + all.itm + all.itg, 5);
    expect(paths.length).toBe(Object.keys(params).length);
    const weighed = run({ weights: { itc: 2, itg: 0.5 } }).values;
    expect(weighed.total).toBeCloseTo(2 * all.itc + all.itm + 0.5 * all.itg, 5);
    for (const [left, head] of [
      ['itc', 'text_projection.'],
      ['itm', 'itm_head.'],
      ['itg', 'cls.'],
    ] as const) {
      const { values, paths } = run({ weights: { [left]: 0 } });
      expect(values).toEqual({ ...all, total: expect.closeTo(all.total - all[left], 5) });
      expect(paths.filter((path) => path.startsWith(head))).toEqual([]);
    }
  });
});

test('without its mask a loss changes, and the others do not', () => {
  const { values: all } = run({});
  for (const name of ['itc', 'itg'] as const) {
    // with equal negatives, which are drawn from the similarities of ITC
    const random = { negatives: 'random' } as const;
    const plain = run(random).values;
    const leaking = run({ ...random, unmasked: [name] }).values;
    expect(Math.abs(leaking[name] - all[name])).toBeGreaterThan(1e-3);
    expect({ ...leaking, [name]: 0, total: 0 }).toEqual({ ...plain, [name]: 0, total: 0 });
  }
});

test('random negatives are drawn as often as each other, never the own pair', () => {
  const sim = tf.tensor2d([0, 50, 0, 0, 0, 50, 50, 0, 0], [B, B]);
  const contrast = { loss: tf.scalar(0), simI2T: sim, simT2I: sim };
  const drawn = (ablation: Stage1Ablation) =>
    Array.from({ length: 200 }, (_, seed) =>
      tf.tidy(() => drawNegatives(contrast, batch.imageIds, { seed, ablation }).image.arraySync()),
    );
  expect(new Set(drawn({}).map(String))).toEqual(new Set(['1,2,0']));
  const random = drawn({ negatives: 'random' });
  for (const row of [0, 1, 2]) {
    const counts = [0, 1, 2].map((column) => random.filter((columns) => columns[row] === column).length);
    expect(counts[row]).toBe(0);
    for (const count of counts.toSpliced(row, 1)) expect(count).toBeGreaterThan(70);
  }
  tf.dispose([sim, contrast.loss]);
});

test('GradCache takes the same parts away', async () => {
  const input: Omit<LossInput<Stage1Batch>, 'trainable'> = { step: 0, position: 0, seed: 1, batch };
  for (const ablation of [
    { weights: { itc: 0, itg: 2 } },
    { weights: { itm: 0 }, unmasked: ['itc', 'itg'] },
  ] as const) {
    const { seed: _, ...options } = { ...given, ablation };
    const model = {
      config,
      params: (flat: typeof params) => unflatten(spec, flat) as Stage1Params,
      features: (images: tf.Tensor) => images as tf.Tensor3D,
    };
    const cached = await gradCache(stage1Cached(model, options), { trainable: params, inputs: [input] });
    const { values } = run(ablation);
    // negatives are drawn by another seed: only what does not depend on them is equal
    expectClose(cached.terms.itc as tf.Tensor, [values.itc], 1e-5);
    expectClose(cached.terms.itg as tf.Tensor, [values.itg], 1e-5);
    const { total, itc, itm, itg } = Object.fromEntries(
      Object.entries(cached.terms).map(([name, term]) => [name, term.dataSync()[0] as number]),
    ) as Record<string, number>;
    const { itc: a = 1, itm: b = 1, itg: c = 1 }: Record<string, number> = ablation.weights;
    expect(total).toBeCloseTo(a * itc! + b * itm! + c * itg!, 5);
    tf.dispose([cached.terms, cached.grads] as tf.TensorContainer);
  }
});

test('an ablation that cannot be is refused', () => {
  const refused = (ablation: object) => () => checkAblation(ablation as Stage1Ablation);
  expect(refused({ weights: { lm: 0 } })).toThrow("Stage 1 has no loss 'lm'");
  expect(refused({ weights: { itc: -1 } })).toThrow('The weight of itc cannot be -1');
  expect(refused({ weights: { itc: Number.NaN } })).toThrow('The weight of itc cannot be NaN');
  expect(refused({ weights: { itc: 0, itm: 0, itg: 0 } })).toThrow('nothing would be trained');
  expect(refused({ negatives: 'easy' })).toThrow('The negatives of ITM cannot be');
  expect(refused({ unmasked: ['itm'] })).toThrow('The mask of');
  expect(refused({ weights: { itg: 0 }, negatives: 'random', unmasked: ['itc', 'itg'] })).not.toThrow();
});
