import { fileURLToPath } from 'node:url';
import { loadTokenizer, type Tokenizer } from '@blip2/data';
import { loadAllNouns, loadEmoji, loadNouns, scene, sceneNumbers } from '@blip2/emoji';
import { starterUrl } from '@blip2/starter';
import type { Parts, Stage1Batch, Stage2Batch } from '@blip2/training';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type BatchInputs, stage1Batches, stage2Batches } from './batches.js';
import { type EmojiDataConfig, emojiConfigs } from './config.js';

const ids = { bos: 2, pad: 1, eos: [2] };
let bert: Tokenizer;
let tokenizer: Tokenizer;
beforeAll(async () => {
  await tf.setBackend('cpu');
  bert = await loadTokenizer(fileURLToPath(starterUrl('bert')));
  tokenizer = await loadTokenizer(fileURLToPath(starterUrl('language')));
});

const emoji = loadEmoji();
const stored = <T>(length: number, metadata: (index: number) => T) => ({
  features: {
    length,
    gather: async (indices: readonly number[]) => tf.tensor3d(indices.map((index) => [[index]])),
    close: async () => {},
  },
  metadata,
  image: () => ({ width: 0, height: 0, data: new Uint8Array() }),
  close: async () => {},
});

const inputs = (data: Partial<EmojiDataConfig>): BatchInputs => {
  const config = emojiConfigs.preset('demo');
  return {
    config: { ...config, data: { ...config.data, ...data } },
    parts: { text: { tokenizer: bert }, language: { tokenizer, ids, kind: 'decoder' } } as unknown as Parts,
    emoji: stored(emoji.length, (index) => ({ ...emoji[index]!, vendor: 'openmoji' as const })),
    scenes: stored(96, (index) => scene(index, { seed: 0, split: 'train', nouns: loadNouns() })),
    singles: stored(85, (index) => {
      const noun = loadNouns()[index]!;
      return { noun, vendor: 'openmoji', background: 'white', caption: `${noun.article} ${noun.one}` } as const;
    }),
    wideScenes: stored(96, (index) => scene(index, { seed: 1, split: 'train', nouns: loadAllNouns() })),
  };
};

const dispose = ({ texts, ...rest }: Partial<Stage1Batch & Stage2Batch>): void =>
  tf.dispose([Object.values(rest), Object.values(texts ?? {})]);

test('names in a batch are near each other in the order of Unicode where nearNames is set', async () => {
  const spread = async (nearNames: boolean): Promise<number> => {
    const batch = await stage1Batches(inputs({ nearNames, sceneShare: 0, singleShare: 0 }))({
      step: 0,
      position: 0,
      seed: 0,
    });
    const places = batch.features.squeeze<tf.Tensor1D>().arraySync();
    dispose(batch);
    return Math.max(...places) - Math.min(...places);
  };
  expect(await spread(true)).toBeLessThan(emoji.length / 4);
  expect(await spread(false)).toBeGreaterThan(emoji.length / 2);
});

test('with wideCounts only scenes of any emoji teach counts', async () => {
  const next = stage2Batches(inputs({ wideCounts: true, wideShare: 0.5, nameShare: 0, singleShare: 0.2 }));
  const numbers = sceneNumbers.map((word) => tokenizer.encode(` ${word}`, { addSpecialTokens: false })[0]);
  const kinds = new Set<string>();
  const { phraseSteps } = emojiConfigs.preset('demo').stage2;
  for (let position = phraseSteps; position < phraseSteps + 24; position++) {
    const batch = await next({ step: position, position, seed: position });
    const asked = batch.texts ? tokenizer.decode(batch.texts.promptIds.arraySync()[0]!.filter((id) => id > 2)) : '';
    const kind = /how many|a picture of/.exec(asked)?.[0] ?? (asked ? 'other questions' : 'phrases');
    kinds.add(`${kind}: ${batch.ignoredIds ? 'no counts' : 'counts'}`);
    if (batch.ignoredIds) expect(batch.ignoredIds.arraySync()).toEqual(numbers);
    dispose(batch);
  }
  expect(kinds).toContain('a picture of: no counts');
  expect(kinds).toContain('how many: counts');
  expect(kinds).toContain('phrases: counts');
  for (const kind of ['how many: no counts', 'a picture of: counts', 'phrases: no counts'])
    expect(kinds).not.toContain(kind);
});
