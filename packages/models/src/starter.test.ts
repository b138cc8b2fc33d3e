import { fileURLToPath } from 'node:url';
import { starterUrl } from '@blip2/starter';
import { expectNoLeak, fixture } from '@blip2/testing';
import { useBackend } from '@blip2/training';
import { beforeAll, expect, test } from '@jest/globals';
import { fromPretrained } from './blip2.js';
import { inspectModel } from './folder/inspect.js';

// Without a name, the model that ships is meant.

beforeAll(() => useBackend({ backend: 'simd', threads: 1 }).then(() => undefined));

test('both stages of the starter load with one image encoder, caption, answer and match', async () => {
  const image = fixture('photos/rocket.jpg');
  const progress: number[] = [];
  const onProgress = ({ done, total }: { done: number; total: number }): void => void progress.push(done / total);
  await expectNoLeak(async () => {
    using model = await fromPretrained(undefined, { onProgress });
    expect(model.models.map(({ kind, folder }) => [kind, folder])).toEqual([
      ['generation', fileURLToPath(new URL('stage2', starterUrl('blip2')))],
      ['retrieval', fileURLToPath(new URL('stage1', starterUrl('blip2')))],
    ]);
    const { caption } = await model.caption(image);
    expect(caption.split(' ').length).toBeGreaterThan(1);
    const { answer } = await model.ask(image, 'is there a rocket?');
    expect(['yes', 'no']).toContain(answer);
    const [rocket] = await model.match(image, ['rocket']);
    expect(rocket?.itc).toBeGreaterThan(-1);
  });
  expect(progress).toEqual([...progress].sort((a, b) => a - b)); // of both together
  expect(progress.at(-1)).toBe(1);
});

test('it is inspected whole: nothing is missing, unused or of another shape', async () => {
  const found = await inspectModel();
  expect(found).toHaveLength(2);
  for (const one of found) expect(one).toMatchObject({ missing: [], unused: [], misshaped: [] });
  const [stage1, stage2] = found.map(({ memory }) => Object.keys(memory.parts));
  expect(stage1).toEqual(['vision', 'Q-Former']);
  expect(stage2).toEqual(['vision', 'Q-Former', 'language model']);
});
