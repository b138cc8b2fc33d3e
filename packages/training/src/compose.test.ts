import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTokenizerFiles } from '@blip2/data';
import { starterUrl } from '@blip2/starter';
import type { Flat, WeightSource } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import type { VisionEncoder } from '@blip2/vision';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compose, initializeStage2, stage1Params } from './compose.js';
import { type BertModel, loadBert } from './frozen-models.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const vision: VisionEncoder = { width: 3, encode: (pixels) => tf.reshape(pixels, [pixels.shape[0], -1, 3]) };
const qformer = { queries: 2, projectionSize: 16 };

test('the sizes are those of the BERT that is given, and its weights serve several compositions', async () => {
  const text = await loadBert(starterUrl('bert'));
  await expectNoLeak(async () => {
    using first = await compose({ vision, text, qformer });
    using second = await compose({ vision, text, qformer: { ...qformer, heads: 3, dropout: 0.3 }, seed: 1 });
    expect(first.config).toMatchObject({ layers: 4, hiddenSize: 192, heads: 6, intermediateSize: 768, queries: 2 });
    expect(first.config).toMatchObject({ vocabSize: text.tokenizer.vocabSize, maxPositions: 64, encoderWidth: 3 });
    expect(second.config).toMatchObject({ layers: 4, heads: 3, dropout: 0.3 });
    expect(first.backend).toEqual({ name: 'cpu' });
    const words = 'embeddings.word_embeddings.weight';
    const rows = (flat: Flat) => tf.tidy(() => tf.slice(flat[words] as tf.Tensor, 0, 2559).dataSync()); // [DEC] is random
    expectClose(rows(first.stage1), rows(second.stage1), 0);
    const { temp, itm_head } = stage1Params(first);
    expect(temp.dataSync()[0]).toBeCloseTo(0.07);
    expect(itm_head.weight.shape).toEqual([2, 192]);
  });
  text.dispose();
  await expectNoLeak(() => expect(compose({ vision, text, qformer })).rejects.toThrow(/BERT of .* was disposed/));
});

test('a size that contradicts the BERT is refused, and one without weights is free', async () => {
  const text = await loadBert(starterUrl('bert'));
  await expect(compose({ vision, text, qformer: { hiddenSize: 64, heads: 2 } })).rejects.toThrow(
    /hiddenSize cannot be 64, because the BERT that it starts from \(.*\) has 192; leave hiddenSize out of qformer/,
  );
  const random: BertModel = { tokenizer: text.tokenizer };
  using parts = await compose({ vision, text: random, qformer: { hiddenSize: 64, heads: 2, layers: 1 } });
  expect(parts.config).toMatchObject({ hiddenSize: 64, layers: 1, maxPositions: 512 });
  expect(() => initializeStage2(parts)).toThrow('Stage 2 needs a language model');
});

test('a tokenizer of BERT that has no BOS token gets [DEC] after its last', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blip2-bert-'));
  try {
    await cp(starterUrl('bert'), folder, { recursive: true });
    const files = await readTokenizerFiles(folder);
    const { added_tokens: added } = files.tokenizer as { added_tokens: { content: string }[] };
    const { bos_token, ...config } = files.config ?? {};
    expect(bos_token).toBe('[DEC]');
    const tokenizer = { ...files.tokenizer, added_tokens: added.filter(({ content }) => content !== '[DEC]') };
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
    const text = await loadBert(folder);
    expect(text.tokenizer.special.bos).toBe(2559);
    using parts = await compose({ vision, text, qformer });
    expect(parts.config.vocabSize).toBe(2560);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('weights of the user are read and not closed', async () => {
  const { tokenizer, weights } = await loadBert(starterUrl('bert'));
  let closed = false;
  const own: WeightSource = {
    ...weights,
    close: async () => {
      closed = true;
    },
  };
  using parts = await compose({ vision, text: { tokenizer, weights: own, config: { heads: 6 } }, qformer });
  expect(parts.config).toMatchObject({ layers: 4, hiddenSize: 192, heads: 6 });
  expect(closed).toBe(false);
});
