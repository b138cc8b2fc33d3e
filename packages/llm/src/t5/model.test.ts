import { dispose, initialize } from '@blip2/tensor';
import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type Case, config, golden, loadModel, promptOf, readTensors } from '../../test/golden-t5.js';
import { type Adapter, project } from '../adapter.js';
import { IGNORED, type PredictInput, type SyncLanguageModel } from '../language-model.js';
import { t5Config } from './config.js';
import { t5LanguageModel } from './model.js';
import { t5Spec } from './spec.js';

const names = ['language_projection', 'qformer.last_hidden_state'];
let model: SyncLanguageModel;
let values: Awaited<ReturnType<typeof readTensors>>;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await loadModel();
  values = await readTensors('golden', names);
});
afterAll(() => {
  dispose(values);
  model.dispose?.();
});

const soft = (): tf.Tensor => values.language_projection as tf.Tensor;
const int = (rows: number[][]): tf.Tensor2D => tf.tensor2d(rows, undefined, 'int32');
const lessonOf = (c: Case): PredictInput => ({ ...promptOf(c, soft()), targetIds: int([c.labels as number[]]) });

/** The mean loss of a lesson. */
const lossOf = (lesson: PredictInput, of = model): tf.Scalar =>
  tf.tidy(() => {
    const { logits, labels } = of.predict(lesson);
    const chosen = tf.mul(tf.oneHot(labels, of.vocabSize), tf.logSoftmax(logits)); // an ignored label has no 1
    return tf.neg(tf.div(tf.sum(chosen), tf.sum(tf.notEqual(labels, IGNORED)))) as tf.Scalar;
  });

describe('T5 against transformers', () => {
  test.each([2, 3, 4, 5])('logits and loss of case %i', async (i) => {
    const c = golden.cases[i] as Case;
    const name = `logits.${Math.floor(i / 2)}.${i % 2}`;
    const expected = await readTensors('golden', [name]);
    tf.tidy(() => {
      expectClose(model.predict(lessonOf(c)).logits, expected[name] as tf.Tensor, 1e-3);
      expect(Math.abs((lossOf(lessonOf(c)).dataSync()[0] as number) - (c.loss as number))).toBeLessThan(5e-5);
    });
    dispose(expected);
  });

  test('the gradient reaches the projection through the soft prompt', async () => {
    const projection = await readTensors('model', ['language_projection.weight', 'language_projection.bias']);
    const grads = ['grad.language_projection.weight', 'grad.language_projection.bias'];
    const expected = await readTensors('golden', grads);
    const z = tf.slice(values['qformer.last_hidden_state'] as tf.Tensor, [0, 0, 0], [1, -1, -1]);
    const { softPrompt, ...lesson } = lessonOf(golden.cases[2] as Case);
    const found = tf.grads((weight: tf.Tensor, bias: tf.Tensor) => {
      const p: Adapter = { language_projection: { weight, bias } };
      return lossOf({ ...lesson, softPrompt: project(p, z) });
    })(Object.values(projection));
    grads.forEach((name, i) => {
      const golden = expected[name] as tf.Tensor;
      const largest = Math.max(...golden.dataSync().map(Math.abs));
      expectClose(found[i] as tf.Tensor, golden, 1e-3 * largest + 1e-6);
    });
    dispose([...found, z, softPrompt as tf.Tensor, lesson.promptIds as tf.Tensor, lesson.targetIds]);
    dispose([projection, expected]);
  });
});

describe.each([
  { feed_forward_proj: 'gated-gelu', num_decoder_layers: 3, tie_word_embeddings: false },
  { feed_forward_proj: 'relu', num_layers: 3, dropout_rate: 0.3 },
])('a small T5 with %j', (kind) => {
  const sizes = { vocab_size: 11, d_model: 6, d_kv: 4, d_ff: 10, num_heads: 2, num_layers: 2 };
  const positions = { relative_attention_num_buckets: 6, relative_attention_max_distance: 5 };
  const config = t5Config({ ...sizes, ...positions, ...kind });
  let small: SyncLanguageModel;
  beforeAll(() => {
    small = t5LanguageModel(initialize(t5Spec(config), 1), config);
  });
  afterAll(() => small.dispose?.());

  const softOf = (rows: number): tf.Tensor => tf.randomNormal([rows, 3, 6], 0, 1, 'float32', 4);
  const lesson = (): PredictInput => ({
    softPrompt: softOf(2),
    promptIds: int([
      [2, 9, 1, 0],
      [3, 4, 5, 1],
    ]),
    promptMask: int([
      [1, 1, 1, 0],
      [1, 1, 1, 1],
    ]),
    targetIds: int([
      [4, 7, 3, 1],
      [6, 1, 0, 0],
    ]),
    targetMask: int([
      [1, 1, 1, 1],
      [1, 1, 0, 0],
    ]),
  });

  test('is differentiable by the soft prompt', () => {
    tf.tidy(() => {
      const { softPrompt, ...rest } = lesson();
      const loss = (x: tf.Tensor): tf.Tensor => lossOf({ ...rest, softPrompt: x }, small);
      checkGradients(loss, [softPrompt as tf.Tensor], { elements: 12, tolerance: 2e-3 });
    });
  });

  test('padding on the right changes nothing', () => {
    tf.tidy(() => {
      const { softPrompt, promptIds, targetIds } = lesson();
      const whole = small.predict(lesson());
      const alone = small.predict({
        softPrompt: tf.slice(softPrompt as tf.Tensor, [0, 0, 0], [1, -1, -1]),
        promptIds: tf.slice(promptIds as tf.Tensor, [0, 0], [1, 3]),
        targetIds: tf.slice(targetIds, [0, 0], [1, 4]),
      });
      expectClose(tf.slice(whole.logits, [0, 0, 0], [1, -1, -1]), alone.logits, 1e-5);
      expect(whole.labels.arraySync()[1]).toEqual([6, 1, IGNORED, IGNORED]);
    });
  });

  test('steps say what is predicted at once, also after the positions grew, and reordering keeps texts and prompts together', async () => {
    await expectNoLeak(() => {
      tf.tidy(() => {
        const given = lesson();
        const targets = Array.from({ length: 3 }, (_, row) =>
          Array.from({ length: 70 }, (_, i) => (i * i + row * (i + 1)) % 11),
        ) as [number[], number[], number[]];
        const at = (index: number[]) => ({
          softPrompt: tf.gather(given.softPrompt as tf.Tensor, index),
          promptIds: tf.gather(given.promptIds as tf.Tensor, index),
          promptMask: tf.gather(given.promptMask as tf.Tensor, index),
        });
        const { logits } = small.predict({ ...at([1, 0, 1]), targetIds: int(targets) }); // [3,70,V]
        const state = small.start(given);
        state.reorder([1, 0, 1]); // texts 0 and 2 go on from prompt 1
        let order = [0, 1, 2];
        for (let t = 0; t < 70; t++) {
          const rows = order.map((row) => tf.slice(logits, [row, t, 0], [1, 1, -1]));
          expectClose(state.logits, tf.reshape(tf.concat(rows), [order.length, -1]), 2e-5);
          state.step(order.map((row) => targets[row]?.[t] as number));
          if (t === 30) {
            state.reorder([2, 0]);
            order = [2, 0];
          }
        }
        expect(state.rows).toBe(2);
        expect(() => state.step([1])).toThrow('one id for each of 2 rows');
        state.dispose();
      });
    });
  });

  test('dropout is what its seed says, and none without a seed', () => {
    tf.tidy(() => {
      const run = (dropoutSeed?: number) => small.predict({ ...lesson(), dropoutSeed }).logits.dataSync();
      expect(run(1)).toEqual(run(1));
      expect(run(1)).not.toEqual(run(2));
      expect(run(1)).not.toEqual(run());
    });
  });

  test('says what does not fit, and leaves nothing', async () => {
    await expectNoLeak(() => {
      tf.tidy(() => {
        expect(() => small.start({})).toThrow('at least one part');
        expect(() => small.start({ softPrompt: tf.zeros([1, 2, 5]) })).toThrow('embeddings [B,L,6], not [1,2,5]');
      });
    });
  });
});

test('without text the encoder reads the soft prompt alone', () => {
  tf.tidy(() => {
    const softPrompt = tf.slice(soft(), [0, 0, 0], [1, -1, -1]);
    const state = model.start({ softPrompt });
    expect(state.logits.shape).toEqual([1, config.vocabSize]);
    state.dispose();
  });
});
