import { fileURLToPath } from 'node:url';
import { loadTokenizer, type Tokenizer } from '@blip2/data';
import { countHeldOut, loadAllNouns, loadEmoji, loadNouns, scene, sceneNumbers } from '@blip2/emoji';
import { starterUrl } from '@blip2/starter';
import type { Parts, Stage1Batch, Stage2Batch } from '@blip2/training';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type BatchInputs, namesIgnored, numbersHeldOut, stage1Batches, stage2Batches } from './batches.js';
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

test('a batch of drawings has so many negative names, none of them its own', async () => {
  const at = { step: 0, position: 0, seed: 0 };
  const next = stage1Batches(inputs({ negativeNames: 40, sceneShare: 0, singleShare: 0 }));
  const batch = await next(at);
  const names = (ids: tf.Tensor2D | undefined): string[] => (ids?.arraySync() ?? []).map((row) => row.join());
  const [own, further] = [names(batch.ids), names(batch.negativeIds)];
  expect(new Set(further).size).toBe(40);
  const unpadded = (name: string): string => name.replace(/(,0)+$/, '');
  expect(own.map(unpadded).filter((name) => further.map(unpadded).includes(name))).toEqual([]);
  const again = await stage1Batches(inputs({ negativeNames: 40, sceneShare: 0, singleShare: 0 }))(at);
  expect(names(again.negativeIds)).toEqual(further);
  const without = await stage1Batches(inputs({ negativeNames: 0, sceneShare: 0, singleShare: 0 }))(at);
  expect(without.negativeIds).toBeUndefined();
  for (const one of [batch, again, without]) dispose(one);
});

test('with adjustCounts the count that training never shows of a noun is held out where a text states one', async () => {
  const shown = inputs({ adjustCounts: true, wideShare: 0.5, nameShare: 0, singleShare: 0.2 });
  const next = stage2Batches(shown);
  const nouns = new Map(loadAllNouns().flatMap((noun) => [noun.one, noun.many].map((name) => [name, noun] as const)));
  const words = (ids: number[]): string => tokenizer.decode(ids.filter((id) => id > 2)).trim();
  const { phraseSteps } = emojiConfigs.preset('demo').stage2;
  const kinds = new Set<string>();
  for (let position = phraseSteps; position < phraseSteps + 24; position++) {
    const batch = await next({ step: position, position, seed: position });
    const heldOut = batch.texts?.heldOutIds?.arraySync() ?? [];
    for (const [i, row] of (batch.texts?.targetIds.arraySync() ?? []).entries()) {
      const caption = words(row);
      const [, first = ''] = /^(?:an?|two|three|four) (.*?)(?: (?:to the|above|below) .*)?$/.exec(caption) ?? [];
      const noun = nouns.get(first);
      if (!noun) continue;
      const count = countHeldOut(noun);
      kinds.add(count === undefined ? 'others' : 'nouns of the test');
      expect(words([heldOut[i]?.[0] ?? -1])).toBe(count === undefined ? '' : sceneNumbers[count - 1]);
      expect(caption.startsWith(`${sceneNumbers[(count ?? 0) - 1]} `)).toBe(false);
    }
    expect(batch.phraseHeldOutIds?.shape).toEqual(batch.phraseIds?.shape.slice(0, 2));
    dispose(batch);
  }
  expect([...kinds].sort()).toEqual(['nouns of the test', 'others']);
});

test('captions of any emoji are learned but for the names', async () => {
  const next = stage2Batches(inputs({ wideShare: 1, nameShare: 0, singleShare: 0 }));
  const { phraseSteps } = emojiConfigs.preset('demo').stage2;
  let captions = 0;
  for (let position = phraseSteps; position < phraseSteps + 8; position++) {
    const batch = await next({ step: position, position, seed: position });
    const weights = batch.texts?.targetWeights?.arraySync() ?? [];
    for (const [i, row] of weights.entries()) {
      const ids = batch.texts?.targetIds.arraySync()[i] ?? [];
      const first = tokenizer.decode(ids.slice(0, 1)).trim();
      expect(sceneNumbers).toContain(first);
      expect(row.slice(0, 2)).toEqual([1, 0]);
      captions++;
    }
    dispose(batch);
  }
  expect(captions).toBe(4 * 64);
});

test('of a caption without names all other words are learned', () => {
  const [bulb, pig] = ['light bulb', 'pig'].map((name) => loadNouns().find(({ one }) => one === name)!);
  expect(namesIgnored('a light bulb to the left of two pigs', [bulb!, pig!])).toEqual([1, 0, 0, 1, 1, 1, 1, 1, 0]);
  expect(namesIgnored('three pigs', [pig!])).toEqual([1, 0]);
});

test('each number of a text is held out by the kind that it counts', () => {
  const [bulb, pig] = ['light bulb', 'pig'].map((name) => loadNouns().find(({ one }) => one === name)!);
  const word = (of: typeof bulb): string => sceneNumbers[countHeldOut(of!)! - 1]!;
  expect(numbersHeldOut('a light bulb above two pigs', [bulb!, pig!])).toEqual([
    { place: 0, word: word(bulb) },
    { place: 4, word: word(pig) },
  ]);
  expect(numbersHeldOut('three', [pig!, bulb!])).toEqual([{ place: 0, word: word(pig) }]);
  expect(numbersHeldOut('left', [pig!])).toEqual([]);
});
