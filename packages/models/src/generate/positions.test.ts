import { fixture } from '@blip2/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type Blip2, fromPretrained } from '../blip2.js';

const rocket = fixture('photos/rocket.jpg');
let model: Blip2;
beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await fromPretrained(fixture('hf-opt'));
});
afterAll(() => model.dispose());

test('more new tokens than the language model has positions are refused before the image is read', async () => {
  const nowhere = 'missing.png'; // decoding it would fail first
  const options = { maxNewTokens: 500, minNewTokens: 400 };
  const problem =
    /has 128 positions, too few for .* maxNewTokens 500; lower maxNewTokens \(--max-new-tokens\) to \d+ or less/;
  await expect(model.caption(nowhere, options)).rejects.toThrow(problem);
  await expect(model.ask(nowhere, 'what is it?', options)).rejects.toThrow(problem);
  await expect(model.ask(nowhere, 'why? '.repeat(200))).rejects.toThrow('shorten the prompt or the history');
  await expect(model.stream(nowhere, options).next()).rejects.toThrow(problem);
});

test('exactly as many new tokens as there are positions are generated, one more is refused', async () => {
  const error: unknown = await model.caption(rocket, { maxNewTokens: 500 }).catch((error: unknown) => error);
  const most = Number(/to (\d+) or less/.exec(String(error))?.[1]);
  const { tokens } = await model.caption(rocket, { beams: 1, maxNewTokens: most, minNewTokens: most });
  expect(tokens).toHaveLength(most);
  await expect(model.caption(rocket, { maxNewTokens: most + 1 })).rejects.toThrow(`to ${most} or less`);
});

test('and by the number of new tokens alone before the model is loaded', async () => {
  let loaded = 0;
  const options = { maxNewTokens: 500, onProgress: () => loaded++ };
  await expect(fromPretrained(fixture('hf-opt'), options)).rejects.toThrow(
    /128 positions.*\(--max-new-tokens\) to \d+ or/,
  );
  expect(loaded).toBe(0);
});
