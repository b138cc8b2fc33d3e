import { qformerConfig } from '@blip2/qformer';
import { dispose, type Flat, flatten, hash, initialize, type LossTerms, unflatten, valueAndGrads } from '@blip2/tensor';
import { expectClose, expectNoLeak, processes } from '@blip2/testing';
import { gradCache, type LossInput, singleProcess } from '@blip2/trainer';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { stage1Spec } from './specs.js';
import { type Stage1Batch, stage1Terms } from './stage1.js';
import { type Stage1PixelBatch, stage1Cached } from './stage1-cached.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const [N, D, VOCABULARY] = [3, 6, 20];
const config = (dropout: number) =>
  qformerConfig(
    {},
    {
      layers: 3,
      hiddenSize: 8,
      heads: 2,
      intermediateSize: 12,
      queries: 2,
      projectionSize: 4,
      maxPositions: 8,
      encoderWidth: D,
      vocabSize: VOCABULARY,
      textInput: true,
      initializerRange: 0.3,
      dropout,
      attentionDropout: dropout,
    },
  );
const options = { smoothing: 0.1, decoderStart: 1, pad: 0 };

type Input = Omit<LossInput<Stage1Batch>, 'trainable'>;

/** Batches of 2, 3 and 2 pairs, with texts of other lengths in each, of which pairs 0 and 4 share an image. */
function batches(): Input[] {
  const imageIds = [
    [0, 1],
    [2, 3, 0],
    [5, 6],
  ];
  return imageIds.map((list, position) => {
    const [B, L] = [list.length, 4 + position];
    const lengths = list.map((_, i) => Math.max(3, L - i));
    const ids = lengths.map((length, i) =>
      Array.from({ length: L }, (_, t) => (t < length ? 2 + ((7 * t + 5 * i + 3 * position) % (VOCABULARY - 2)) : 0)),
    );
    const batch = {
      features: tf.randomNormal([B, N, D], 1, 2, 'float32', 30 + position) as tf.Tensor3D,
      imageIds: tf.tensor1d(list, 'int32'),
      ids: tf.tensor2d(ids, [B, L], 'int32'),
      mask: tf.tensor2d(
        ids.map((row) => row.map((id) => (id === 0 ? 0 : 1))),
        [B, L],
        'int32',
      ),
    };
    return { step: 0, position, seed: hash(9, `${position}`), batch };
  });
}

/** One batch of all pairs. */
function joined(inputs: readonly Input[]): Stage1Batch {
  const longest = Math.max(...inputs.map(({ batch }) => batch.ids.shape[1]));
  const padded = (x: tf.Tensor2D) =>
    tf.pad(x, [
      [0, 0],
      [0, longest - x.shape[1]],
    ]);
  return tf.tidy(() => ({
    features: tf.concat(inputs.map(({ batch }) => batch.features)),
    imageIds: tf.concat(inputs.map(({ batch }) => batch.imageIds)),
    ids: tf.concat(inputs.map(({ batch }) => padded(batch.ids))),
    mask: tf.concat(inputs.map(({ batch }) => padded(batch.mask))),
  }));
}

function model(dropout: number) {
  const own = config(dropout);
  const spec = stage1Spec(own);
  const loss = stage1Cached(
    { config: own, params: (trainable) => unflatten(spec, trainable), features: (images) => images as tf.Tensor3D },
    options,
  );
  return { config: own, spec, loss, trainable: flatten(initialize(spec, 4)) };
}

interface Computed {
  readonly terms: LossTerms;
  readonly grads: Flat;
}

function expectEqual(actual: Computed, expected: Computed, tolerance: number): void {
  expect(Object.keys(actual.grads).sort()).toEqual(Object.keys(expected.grads).sort());
  for (const [name, term] of Object.entries(expected.terms)) expectClose(actual.terms[name] as tf.Tensor, term, 1e-5);
  for (const [path, grad] of Object.entries(expected.grads)) {
    try {
      expectClose(actual.grads[path] as tf.Tensor, grad, tolerance);
    } catch (error) {
      throw new Error(`${path}: ${String(error)}`);
    }
  }
}

test('losses and gradients of all parameters are those of one batch', async () => {
  const { config, spec, loss, trainable } = model(0);
  await expectNoLeak(async () => {
    const inputs = batches();
    const actual = await gradCache(loss, { trainable, inputs });
    const whole = joined(inputs);
    const seed = inputs[0]?.seed as number;
    const expected = valueAndGrads(
      () => stage1Terms(unflatten(spec, trainable), config, whole, { ...options, seed }),
      trainable,
    );
    expect(Object.keys(expected.grads)).toEqual(Object.keys(trainable));
    expectEqual(actual, expected, 1e-5);
    dispose([actual, expected, { ...whole }, inputs.map(({ batch }) => ({ ...batch }))] as never);
  });
  dispose(trainable);
});

test("two processes draw each other's negatives, and their shares add up to one process", async () => {
  const { loss, trainable } = model(0);
  const [first, , third] = batches() as [Input, Input, Input];
  const order = [first, third, { ...third, position: 2 }, { ...first, position: 3 }];
  const expected = await gradCache(loss, { trainable, inputs: order });
  const shares = await Promise.all(
    processes(2).map((communicator, rank) =>
      gradCache(loss, { trainable, inputs: [order[rank]!, order[2 + rank]!], communicator, seed: first.seed }),
    ),
  );
  const sum = (part: 'terms' | 'grads') =>
    Object.fromEntries(Object.keys(expected[part]).map((name) => [name, tf.addN(shares.map((s) => s[part][name]!))]));
  expectEqual({ terms: sum('terms') as LossTerms, grads: sum('grads') }, expected, 1e-5);
});

test('a process with one batch encodes it once, and the shares add up to one process', async () => {
  const { loss, trainable } = model(0);
  let encoded = 0;
  const counted: typeof loss = {
    ...loss,
    encode(input) {
      encoded++;
      return loss.encode(input);
    },
  };
  const [first, , third] = batches() as [Input, Input, Input];
  const order = [first, { ...third, position: 1 }];
  const expected = await gradCache(loss, { trainable, inputs: order });
  await expectNoLeak(async () => {
    const shares = await Promise.all(
      processes(2).map((communicator, rank) =>
        gradCache(counted, { trainable, inputs: [order[rank]!], communicator, seed: first.seed }),
      ),
    );
    const sum = (part: 'terms' | 'grads') =>
      Object.fromEntries(Object.keys(expected[part]).map((name) => [name, tf.addN(shares.map((s) => s[part][name]!))]));
    const actual = { terms: sum('terms') as LossTerms, grads: sum('grads') };
    expectEqual(actual, expected, 1e-5);
    dispose([actual, shares] as never);
  });
  expect(encoded).toBe(2);
});

test('dropout drops the same in both passes: gradients are those of one tape over the batches', async () => {
  const { loss, trainable } = model(0.2);
  const inputs = batches() as unknown as Omit<LossInput<Stage1Batch | Stage1PixelBatch>, 'trainable'>[];
  const actual = await gradCache(loss, { trainable, inputs });
  const encodeAll = () => inputs.map((input) => loss.encode({ ...input, trainable }));
  const collect = (encoded: ReturnType<typeof encodeAll>) => {
    const named = (part: 'features' | 'labels', name: string) => tf.concat(encoded.map((one) => one[part]![name]!));
    return {
      features: { image: named('features', 'image'), text: named('features', 'text') },
      labels: { imageIds: named('labels', 'imageIds'), tokens: named('labels', 'tokens') },
      trainable,
      seed: inputs[0]?.seed as number,
    };
  };
  const contexts = await loss.context!({
    ...collect(encodeAll()),
    batches: inputs.map(({ batch }) => batch),
    offsets: [0, 2, 5],
    communicator: singleProcess,
  });
  const expected = valueAndGrads(() => {
    const encoded = encodeAll();
    const { itc } = loss.compare(collect(encoded));
    const others = encoded.map((one, i) => one.losses!(contexts.each[i]!).total);
    return { total: tf.addN([itc as tf.Scalar, ...others]) as tf.Scalar };
  }, trainable);
  expectEqual(actual, expected, 1e-5);
});

test('an encoder within the step has the gradients of one batch, negatives included', async () => {
  const { config, spec, trainable } = model(0);
  const pixels = (batch: Stage1Batch): Stage1PixelBatch => {
    const { features, ...rest } = batch;
    return { ...rest, pixels: tf.expandDims(features, 1) as tf.Tensor4D };
  };
  const encode = (images: tf.Tensor, tensors: Flat) =>
    tf.tanh(tf.matMul(tf.squeeze(images, [1]), tf.tile(tf.expandDims(tensors.encoder!, 0), [images.shape[0]!, 1, 1])));
  const all = { ...trainable, encoder: tf.randomNormal([D, D], 0, 1, 'float32', 8) };
  const loss = stage1Cached(
    {
      config,
      params: (tensors) => unflatten(spec, tensors),
      features: (x, tensors) => encode(x, tensors) as tf.Tensor3D,
    },
    options,
  );
  const inputs = batches().map(({ batch, ...at }) => ({ ...at, batch: pixels(batch) }));
  const actual = await gradCache(loss, { trainable: all, inputs });
  const { pixels: images, ...rest } = pixels(joined(batches()));
  const seed = inputs[0]?.seed as number;
  const expected = valueAndGrads(() => {
    const features = encode(images, all) as tf.Tensor3D;
    return stage1Terms(unflatten(spec, all), config, { ...rest, features }, { ...options, seed });
  }, all);
  expect(Object.keys(expected.grads)).toContain('encoder');
  expectEqual(actual, expected, 1e-5);
});
