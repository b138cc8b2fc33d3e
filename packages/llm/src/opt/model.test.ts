import { dispose } from '@blip2/tensor';
import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { config, golden, loadModel, loadParams, promptOf, Q, readTensors, textOf } from '../../test/golden.js';
import { type Adapter, composePrompt, project } from '../adapter.js';
import type { PredictInput, SyncLanguageModel } from '../language-model.js';
import { optForward } from './forward.js';
import { optEmbed, optHead, optLogits } from './logits.js';
import type { OptParams } from './spec.js';

const names = ['language_projection', 'qformer.last_hidden_state'];
let params: OptParams;
let model: SyncLanguageModel;
let values: Awaited<ReturnType<typeof readTensors>>;
const soft = (photo: number): tf.Tensor =>
  tf.slice(values.language_projection as tf.Tensor, [photo, 0, 0], [1, -1, -1]);

beforeAll(async () => {
  await tf.setBackend('cpu');
  params = await loadParams();
  model = await loadModel();
  values = await readTensors('golden', names);
});
afterAll(() => {
  dispose(params);
  dispose(values);
  model.dispose?.();
});

/** The mean loss of a lesson. */
const lossOf = (lesson: PredictInput): tf.Scalar =>
  tf.tidy(() => {
    const { logits, labels } = model.predict(lesson);
    const chosen = tf.mul(tf.oneHot(labels, config.vocabSize), tf.logSoftmax(logits)); // an ignored label has no 1
    return tf.neg(tf.div(tf.sum(chosen), tf.sum(tf.notEqual(labels, -100)))) as tf.Scalar;
  });

describe('OPT against transformers', () => {
  test.each([
    [1, 0],
    [1, 1],
    [2, 0],
    [2, 1],
  ])('logits of prompt %i, photo %i', async (prompt, photo) => {
    const name = `logits.${prompt}.${photo}`;
    const expected = await readTensors('golden', [name]);
    const c = golden.cases[prompt * 2 + photo]!;
    const actual = tf.tidy(() => {
      const ids = tf.tensor2d(textOf(c), [1, textOf(c).length], 'int32');
      const parts = [{ embeddings: soft(photo) }, { embeddings: optEmbed(params, ids) }];
      return optHead(params, optForward(params, config, composePrompt(parts)).hidden);
    });
    expectClose(actual, expected[name]!, 2e-5);
    dispose([actual]);
    dispose(expected);
  });

  test.each([2, 3, 4, 5])('loss of case %i, from logits of the text alone', (i) => {
    const c = golden.cases[i]!;
    const { loss, shape } = tf.tidy(() => {
      const targetIds = tf.tensor2d(textOf(c), [1, textOf(c).length], 'int32');
      const lesson = { softPrompt: soft(i % 2), targetIds };
      return { loss: lossOf(lesson).dataSync()[0]!, shape: model.predict(lesson).logits.shape };
    });
    expect(Math.abs(loss - c.loss!)).toBeLessThan(2e-5);
    expect(shape).toEqual([1, textOf(c).length, config.vocabSize]);
  });

  test('the gradient reaches the projection through the soft prompt', async () => {
    const projection = await readTensors('model', ['language_projection.weight', 'language_projection.bias']);
    const expected = await readTensors('golden', ['grad.language_projection.weight', 'grad.language_projection.bias']);
    const weight = projection['language_projection.weight']!;
    const bias = projection['language_projection.bias']!;
    const z = tf.slice(values['qformer.last_hidden_state']!, [0, 0, 0], [1, -1, -1]);
    const made = tf.tidy(() =>
      project({ language_projection: { weight, bias } }, values['qformer.last_hidden_state']!),
    );
    expectClose(made, values.language_projection!, 1e-5);
    const ids = textOf(golden.cases[2]!);
    const targetIds = tf.tensor2d(ids, [1, ids.length], 'int32');
    const grads = tf.grads((weight: tf.Tensor, bias: tf.Tensor) => {
      const p: Adapter = { language_projection: { weight, bias } };
      return lossOf({ softPrompt: project(p, z), targetIds });
    })([weight, bias]);
    for (const [i, name] of ['grad.language_projection.weight', 'grad.language_projection.bias'].entries()) {
      const largest = Math.max(...expected[name]!.dataSync().map(Math.abs));
      expectClose(grads[i]!, expected[name]!, 1e-3 * largest + 1e-6);
    }
    dispose([...grads, made, z, targetIds]);
    dispose(projection);
    dispose(expected);
  });
});

describe('predict', () => {
  const ids = [2, 68, 272, 75, 320, 2, 9, 8];
  const lesson = (softPrompt: tf.Tensor): PredictInput => ({
    softPrompt,
    promptIds: tf.tensor2d([1, 1, 2, 68, 272, 75, 320, 82], [2, 4], 'int32'),
    promptMask: tf.tensor2d([0, 0, 1, 1, 1, 1, 1, 1], [2, 4], 'int32'),
    targetIds: tf.tensor2d(ids, [2, 4], 'int32'),
    targetMask: tf.tensor2d([1, 1, 1, 1, 1, 1, 0, 0], [2, 4], 'int32'),
  });

  test('the gradient by the soft prompt agrees with finite differences', () => {
    const x = tf.tidy(() => tf.concat([soft(0), soft(1)], 0));
    tf.tidy(() => checkGradients((x) => lossOf(lesson(x)), [x], { elements: 30, tolerance: 2e-3 }));
    x.dispose();
  });

  test('computes no gradient of a frozen weight', async () => {
    const x = soft(0);
    const targetIds = tf.tensor2d(ids, [1, 8], 'int32');
    const run = async (fn: () => unknown): Promise<number> => {
      const profile = await tf.profile(() => tf.tidy(() => void fn()));
      return profile.kernels.filter(({ name }) => /MatMul/.test(name)).length;
    };
    const forward = await run(() => lossOf({ softPrompt: x, targetIds }));
    const both = await run(() => tf.grad((x: tf.Tensor) => lossOf({ softPrompt: x, targetIds }))(x));
    // One product backward for each of the 6 linear layers of a block and the head; two for each of the two of attention.
    expect(both - forward).toBe(forward + 2 * config.layers);
    dispose([x, targetIds]);
  });

  test('labels stand beside what precedes them and masked ones are ignored', async () => {
    await expectNoLeak(async () => {
      const prompts = tf.tidy(() => tf.concat([soft(0), soft(1)], 0));
      const given = lesson(prompts);
      const { logits, labels } = model.predict(given);
      expect(await labels.array()).toEqual([
        [2, 68, 272, 75],
        [320, 2, -100, -100],
      ]);
      // The state that has read the prompt says the same of the first target, and after each step of the next.
      const state = model.start(given);
      for (let t = 0; t < 4; t++) {
        const row = tf.tidy(() => tf.squeeze(tf.slice(logits, [0, t, 0], [1, 1, -1])));
        const seen = tf.tidy(() => tf.squeeze(tf.slice(state.logits, [0, 0], [1, -1])));
        expectClose(seen, row, 1e-5);
        dispose([row, seen]);
        state.step([ids[t]!, 5]);
      }
      state.dispose();
      dispose([prompts, logits, labels, given.promptIds!, given.promptMask!, given.targetIds, given.targetMask!]);
    });
  });

  test('without a prompt the predictions begin at the second target', async () => {
    const targetIds = tf.tensor2d([2, 68, 272], [1, 3], 'int32');
    const { logits, labels } = model.predict({ targetIds });
    const all = optLogits(params, config, { ids: targetIds });
    expect(await labels.array()).toEqual([[68, 272]]);
    expectClose(logits, all.dataSync().slice(0, 2 * config.vocabSize), 1e-5);
    dispose([targetIds, logits, labels, all]);
  });
});

describe('the decoding state', () => {
  test('left padding changes nothing, with and without a soft prompt', () => {
    tf.tidy(() => {
      for (const softPrompt of [soft(1), undefined]) {
        const plain = model.start({ softPrompt, promptIds: tf.tensor2d([[2, 68, 272]], undefined, 'int32') });
        const promptIds = tf.tensor2d([[1, 1, 1, 2, 68, 272]], undefined, 'int32');
        const promptMask = tf.tensor2d([[0, 0, 0, 1, 1, 1]], undefined, 'int32');
        const left = model.start({ softPrompt, promptIds, promptMask });
        expectClose(left.logits, plain.logits, 1e-5);
        plain.step([75]);
        left.step([75]);
        expectClose(left.logits, plain.logits, 1e-5);
        plain.dispose();
        left.dispose();
      }
    });
  });

  test('steps equal reading at once, and rows can be multiplied and dropped', async () => {
    await expectNoLeak(() => {
      const prompt = promptOf(golden.cases[2]!, values.language_projection!);
      const state = model.start(prompt);
      state.reorder([0, 0, 0]);
      expect(state.rows).toBe(3);
      state.step([5, 6, 7]);
      state.reorder([2, 1]);
      state.step([9, 9]);
      const whole = tf.tidy(() => {
        const text = [...textOf(golden.cases[2]!), 7, 9];
        const once = model.start({ ...prompt, promptIds: tf.tensor2d(text, [1, text.length], 'int32') });
        const copy = once.logits.clone();
        once.dispose();
        return copy;
      });
      expectClose(state.logits.dataSync().slice(0, config.vocabSize), whole, 1e-5);
      expect(() => state.step([1])).toThrow('one id for each of 2 rows');
      state.dispose();
      dispose([whole, prompt.softPrompt!, prompt.promptIds!]);
    });
  });

  test('says so when the positions are used up, and goes on as before', async () => {
    await expectNoLeak(() => {
      tf.tidy(() => {
        const promptIds = tf.zeros([1, config.maxPositions - Q + 1], 'int32');
        const message = (count: number): string => `${count} tokens are more than the 128 positions`;
        expect(() => model.start({ softPrompt: soft(0), promptIds })).toThrow(message(129));
        const state = model.start({ promptIds: tf.zeros([1, config.maxPositions], 'int32') });
        const before = state.logits.dataSync();
        for (let i = 0; i < 2; i++) expect(() => state.step([3])).toThrow(message(129));
        expect(state.logits.dataSync()).toEqual(before);
        state.dispose();
      });
    });
  });

  test('needs something to read', () => {
    expect(() => model.start({})).toThrow('at least one part');
  });
});
