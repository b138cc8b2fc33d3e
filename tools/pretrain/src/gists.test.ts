import { createTokenizer, trainByteLevelBpe } from '@blip2/data';
import { scene, scenePrompts } from '@blip2/emoji';
import { rng } from '@blip2/tensor';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { SCENES_SEED } from './corpus.js';
import { gistBatch, gistLessons, gistPrompt, layGist } from './gists.js';

const groups = [
  ['snake', 'three', 'left'],
  ['pig', 'one', 'right'],
];

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

describe('a gist', () => {
  test.each([2, 3, 8, 16])('holds every word at %d positions, beside the name of its group alone', (positions) => {
    for (let seed = 0; seed < 50; seed++) {
      const gist = layGist(groups, positions, rng(seed));
      expect(gist).toHaveLength(positions);
      const [snake, pig] = groups as [string[], string[]];
      for (const words of gist.filter((some) => some.length > 0)) {
        const group = words.includes('snake') ? snake : pig;
        expect(words).toContain(group[0]);
        for (const word of words) expect(group).toContain(word);
      }
      for (const word of groups.flat()) expect(gist.flat()).toContain(word);
    }
  });

  test('needs a position for each group', () => {
    expect(() => layGist(groups, 1, rng(0))).toThrow('2 groups do not fit 1 positions');
  });
});

describe('a batch', () => {
  const lessons = gistLessons(7);
  const tokenizer = createTokenizer(
    trainByteLevelBpe(
      lessons.flatMap(({ groups, prompt, target }) => [groups.flat().join(' '), prompt, target]),
      { vocabSize: 400 },
    ),
  );
  const ids = { bos: 2, pad: 1, eos: [2] };

  test('asks for captions, names and answers', () => {
    const prompts = lessons.map(({ prompt }) => prompt);
    // each caption of two kinds of one number twelve times, each other once, and the names of the first and the seventh
    const captions = Array.from({ length: 7 }, (_, index) => {
      const { plan, references } = scene(index, { seed: SCENES_SEED, split: 'train' });
      return references.length * (plan.subject.count === plan.other?.count ? 12 : 1);
    });
    expect(captions).toContain(24);
    const sum = captions.reduce((all, count) => all + count, 0);
    expect(prompts.filter((prompt) => prompt === scenePrompts.caption)).toHaveLength(sum + 2);
    expect(new Set(lessons.filter(({ prompt }) => prompt.includes('is there')).map(({ target }) => target))).toEqual(
      new Set(['yes', 'no']),
    );
  });

  test('is the same for the same seed, its soft prompt the mean of the words where there is no noise', () => {
    const table = tf.randomNormal([tokenizer.vocabSize, 4], 0, 1, 'float32', 3) as tf.Tensor2D;
    const embed = (tokens: tf.Tensor) => tf.gather(table, tokens) as tf.Tensor as tf.Tensor3D;
    const make = () => gistBatch(lessons.slice(0, 5), { tokenizer, ids, positions: 6, seed: 9 });
    const [one, two] = [make(), make()];
    expect(gistPrompt(embed, one, 4).arraySync()).toEqual(gistPrompt(embed, two, 4).arraySync());
    const still = { ...one, noise: tf.zerosLike(one.noise) };
    const words = one.words.arraySync();
    const weights = one.weights.arraySync();
    gistPrompt(embed, still, 4)
      .arraySync()
      .forEach((row, b) => {
        row.forEach((vector, position) => {
          const [tokens, shares] = [words[b]?.[position] ?? [], weights[b]?.[position] ?? []];
          const rows = table.arraySync();
          const expected = [0, 1, 2, 3].map((d) =>
            tokens.reduce((sum, token, k) => sum + (shares[k] as number) * (rows[token]?.[d] as number), 0),
          );
          for (const d of [0, 1, 2, 3]) expect(vector[d]).toBeCloseTo(expected[d] as number, 4);
        });
      });
  });

  test('blends others into the names of half of the groups, and of everything keeps some', () => {
    const lesson = { groups: [['snake', 'three']], prompt: 'a picture of', target: 'three snakes' };
    const encode = (word: string): number[] => [...tokenizer.encode(` ${word}`, { addSpecialTokens: false })];
    const count = 200;
    const lay = (others: string[]) => {
      const batch = gistBatch(Array(count).fill(lesson), { tokenizer, ids, positions: 1, others, seed: 2 });
      return { words: batch.words.arraySync(), weights: batch.weights.arraySync() };
    };
    const [plain, blended] = [lay([]), lay(['pig', 'fox'])];
    const shareOf = ({ words, weights }: typeof plain, b: number, word: string): number => {
      const [tokens, all] = [words[b]?.[0] as number[], weights[b]?.[0] as number[]];
      const sum = all.reduce((sum, weight) => sum + weight);
      return tokens.reduce((of, token, k) => of + (encode(word).includes(token) ? (all[k] as number) : 0), 0) / sum;
    };
    const rows = Array.from({ length: count }, (_, b) => b);
    const doubtful = rows.filter((b) => shareOf(blended, b, 'snake') < shareOf(plain, b, 'snake') - 1e-6);
    expect(doubtful.length).toBeGreaterThan(count * 0.4);
    expect(doubtful.length).toBeLessThan(count * 0.6);
    for (const b of doubtful) expect(shareOf(blended, b, 'snake')).toBeGreaterThan(0.2 * shareOf(plain, b, 'snake'));
  });
});
