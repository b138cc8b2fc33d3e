import { expect, test } from '@jest/globals';
import { settingsOf } from './options.js';
import { logSoftmax, penalize } from './scores.js';

const model = { ids: { bos: 0, pad: 1, eos: [2] } };

test('log-softmax of large scores', () => {
  const [a, b] = logSoftmax(Float32Array.of(1000, 1000));
  expect([a, b]).toEqual([expect.closeTo(-Math.LN2, 5), expect.closeTo(-Math.LN2, 5)]);
});

test('the repetition penalty falls once on each distinct token of history and text', () => {
  const settings = settingsOf(model, { repetitionPenalty: 2 });
  const scores = penalize(Float32Array.of(4, -4, 4, -4), [1, 1, 0], { history: [0, 0, 99], settings });
  expect([...scores]).toEqual([2, -8, 4, -4]);
});

test('no end before the least number of new tokens', () => {
  const settings = settingsOf(model, { minNewTokens: 2 });
  const scores = (ids: number[]): number =>
    penalize(Float32Array.of(1, 1, 1), ids, { history: [], settings })[2] as number;
  expect([scores([]), scores([0]), scores([0, 0])]).toEqual([-Infinity, -Infinity, 1]);
});

test('what is suppressed has no chance; ids that there are not do no harm', () => {
  const settings = settingsOf(model, { suppressIds: [0, 99] });
  expect([...penalize(Float32Array.of(1, 1), [], { history: [], settings })]).toEqual([-Infinity, 1]);
});
