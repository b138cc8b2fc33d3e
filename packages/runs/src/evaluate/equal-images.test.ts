import { decodeImage } from '@blip2/data';
import { loadFolder, type RetrievalModel } from '@blip2/models';
import { fixture } from '@blip2/testing';
import { encodeAll, useBackend } from '@blip2/training';
import { beforeAll, expect, test } from '@jest/globals';
import { evaluateRetrieval } from './retrieval.js';

beforeAll(() => useBackend({ backend: 'simd', threads: 2 }));

test.each([3, 5, 13])('%i equal and other images and texts: equal ones have equal scores', async (length) => {
  const model = (await loadFolder(fixture('hf-itm'))) as RetrievalModel;
  const { vision, processor, tokenizer, config } = model;
  const images = Array.from({ length }, (_, i) => (i % 5 === 1 ? 'rocket.jpg' : 'chelsea.png'));
  const texts = images.map((_, i) =>
    i % 4 === 3 ? 'a cat' : `a rocket${' on a launch pad'.repeat((i % 4) + 1)} at night`,
  );
  const features = await encodeAll(
    vision,
    { length: images.length, item: (i) => decodeImage(fixture(`photos/${images[i]}`)) },
    { processor, batchSize: 1 },
  );
  for (const rerank of [0, length]) {
    const options = { tokenizer, textLength: config.maxPositions, rerank };
    const { imageScores } = await evaluateRetrieval(model, { features, texts }, options);
    const byPair = new Map<string, Set<number>>();
    imageScores.forEach((row, image) => {
      row.forEach((score, text) => {
        const pair = `${images[image]}: ${texts[text]}`;
        byPair.set(pair, (byPair.get(pair) ?? new Set()).add(score));
      });
    });
    expect([...byPair.values()].map(({ size }) => size)).toEqual([...byPair.keys()].map(() => 1));
  }
  await features.close();
  model.dispose();
});
