import { decodeImage } from '@blip2/data';
import { type GenerationModel, loadFolder, pairLogits, type RetrievalModel } from '@blip2/models';
import { expectNoLeak, fixture, json } from '@blip2/testing';
import { encodeAll, type FeatureStore } from '@blip2/training';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { chooseRerank } from '../choose-rerank.js';
import { evaluateCaptions, evaluateExact } from './captions.js';
import { evaluateRetrieval } from './retrieval.js';
import { evaluateVqa } from './vqa.js';

const photos = ['chelsea.png', 'rocket.jpg', 'coffee.png'];

/** Features of the photos by a model's own encoder. */
const featuresOf = ({ vision, processor }: Pick<RetrievalModel, 'vision' | 'processor'>): Promise<FeatureStore> =>
  encodeAll(
    vision,
    { length: photos.length, item: (i) => decodeImage(fixture(`photos/${photos[i]}`)) },
    { processor, batchSize: 2 },
  );

beforeAll(() => tf.setBackend('cpu'));

describe('retrieval', () => {
  let model: RetrievalModel;
  let features: FeatureStore;
  let options: { tokenizer: RetrievalModel['tokenizer']; textLength: number };
  const texts = ['a cat looking at the camera', 'a rocket', 'a cup of coffee'];
  beforeAll(async () => {
    model = (await loadFolder(fixture('hf-itm'))) as RetrievalModel;
    features = await featuresOf(model);
    options = { tokenizer: model.tokenizer, textLength: model.config.maxPositions };
  });
  afterAll(async () => {
    await features.close();
    model.dispose();
  });

  test('without re-ranking the scores are the ITC similarities of transformers, and recall follows from them', async () => {
    const { itc } = await json<{ itc: number[][] }>(fixture('hf-itm/golden.json'));
    await expectNoLeak(async () => {
      const scores = await evaluateRetrieval(model, { features, texts }, { ...options, rerank: 0 });
      expect(scores.candidates).toBe(3);
      itc.forEach((row, image) => {
        row.forEach((similarity, text) => {
          expect(scores.imageScores[image]![text]).toBeCloseTo(similarity, 3); // features are kept in half precision
          expect(scores.textScores[text]![image]).toBe(scores.imageScores[image]![text]);
        });
      });
      for (const [recall, rows] of [
        [scores.i2t, scores.imageScores],
        [scores.t2i, scores.textScores],
      ] as const) {
        const first = rows.filter((row, i) => row[i] === Math.max(...row)).length;
        expect(recall).toEqual({ r1: first / 3, r5: 1, r10: 1 });
      }
    });
  });

  test('re-ranked candidates are scored by ITM logit + ITC, the others come last', async () => {
    const plain = await evaluateRetrieval(model, { features, texts }, { ...options, rerank: 0 });
    const progress: [number, number][] = [];
    const all = await evaluateRetrieval(
      model,
      { features, texts },
      { ...options, onProgress: (done, total) => progress.push([done, total]) },
    );
    expect(progress.at(-1)).toEqual([9, 9]);
    const gathered = await features.gather([0, 1, 2]);
    for (const image of [0, 1, 2]) {
      const logits = pairLogits(model, { features: gathered, texts, images: [image, image, image] }, options);
      const values = await logits.data();
      logits.dispose();
      texts.forEach((_, text) => {
        const expected = values[2 * text + 1]! + plain.imageScores[image]![text]!;
        expect(all.imageScores[image]![text]).toBeCloseTo(expected, 4);
        expect(all.textScores[text]![image]).toBeCloseTo(expected, 4);
      });
    }
    gathered.dispose();
    const partly = await evaluateRetrieval(model, { features, texts }, { ...options, rerank: 1 });
    partly.imageScores.forEach((row, image) => {
      const best = plain.imageScores[image]!.indexOf(Math.max(...plain.imageScores[image]!));
      row.forEach((score, text) => {
        if (text === best) expect(score).toBeCloseTo(all.imageScores[image]![text]!, 5);
        else expect(score).toBe(-100);
      });
    });
  });

  test('an image with several texts is found by any of them, and each text has one image', async () => {
    const several = { features, texts: [...texts, 'a cat in a garden', 'two cups'], imageOf: [0, 1, 2, 0, 2] };
    for (const rerank of [0, 16]) {
      const scores = await evaluateRetrieval(model, several, { ...options, rerank });
      expect([scores.candidates, scores.images]).toEqual([5, 3]);
      expect([scores.imageScores.length, scores.imageScores[0]!.length, scores.textScores.length]).toEqual([3, 5, 5]);
      const best = (row: Float32Array) => row.indexOf(Math.max(...row));
      const found = scores.imageScores.filter((row, image) => several.imageOf[best(row)] === image).length;
      const named = scores.textScores.filter((row, text) => best(row) === several.imageOf[text]).length;
      expect([scores.i2t.r1, scores.t2i.r1]).toEqual([found / 3, named / 5]);
      expect(scores.t2i.r5).toBe(1);
    }
  });

  test('re-ranking is chosen where it finds more, and only there', async () => {
    await expectNoLeak(async () => {
      const order = [0, 1, 2].flatMap((a) => [0, 1, 2].filter((b) => b !== a).map((b) => [a, b, 3 - a - b]));
      const chosen = new Set<boolean>();
      for (const permutation of order) {
        const data = { features, texts: permutation.map((i) => texts[i]!) };
        const [itc, itm] = await Promise.all(
          [0, 16].map(async (rerank) => {
            const { i2t, t2i } = await evaluateRetrieval(model, data, { ...options, rerank });
            return (i2t.r1 + t2i.r1) / 2;
          }),
        );
        const rerank = await chooseRerank(model, data, { textLength: options.textLength });
        expect(rerank).toEqual({ itm: itm! > itc!, k: 16 });
        chosen.add(rerank.itm);
      }
      expect(chosen.has(false)).toBe(true);
    });
  });

  test('a signal stops it', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(evaluateRetrieval(model, { features, texts }, { ...options, signal })).rejects.toThrow('enough');
  });
});

describe('text', () => {
  let model: GenerationModel;
  let features: FeatureStore;
  beforeAll(async () => {
    model = (await loadFolder(fixture('hf-opt'))) as GenerationModel;
    features = await featuresOf(model);
  });
  afterAll(async () => {
    await features.close();
    model.dispose();
  });

  test('captions are scored against their references, and so are those of another image', async () => {
    const options = { beams: 1, maxNewTokens: 6 };
    const { results } = await evaluateCaptions(model, { features, references: () => ['a'] }, options);
    const captions = results.map(({ caption }) => caption);
    expect(results.map(({ swapped }) => swapped)).toEqual([captions[1], captions[2], captions[0]]);

    const references = ['red cup on table', 'white cat looks up', 'tall rocket stands still'];
    const decodedBy = (decode: (ids: ArrayLike<number>) => string) => ({
      ...model,
      tokenizer: { ...model.tokenizer, decode },
    });
    const keyed = decodedBy((ids) => Array.from(ids).join(' '));
    const keys = (await evaluateCaptions(keyed, { features, references: () => ['a'] }, options)).results;
    expect(new Set(keys.map(({ caption }) => caption)).size).toBe(3);
    const right = decodedBy(
      (ids) => references[keys.findIndex(({ caption }) => caption === Array.from(ids).join(' '))]!,
    );
    await expectNoLeak(async () => {
      const scores = await evaluateCaptions(right, { features, references: (i) => [references[i]!] }, options);
      expect(scores.cider).toBeCloseTo(10, 10); // each caption is its only reference
      expect(scores.ciderSwapped).toBe(0); // and shares no word with another
      const one = expect.closeTo(1, 8);
      expect([scores.bleu.bleu1, scores.bleu.bleu4, scores.rougeL]).toEqual([one, one, 1]);
      expect(scores.n).toBe(3);
      expect(scores.results[1]).toEqual({
        image: 1,
        caption: references[1],
        reference: references[1],
        swapped: references[2],
        exact: true,
      });
    });
  });

  test('the share of captions that equal a reference, whatever the letter case', async () => {
    const said = { ...model, tokenizer: { ...model.tokenizer, decode: () => ' A cat ' } };
    const references = (i: number): string[] => (i === 0 ? ['a dog', 'a cat'] : ['a cats']);
    const options = { beams: 1, maxNewTokens: 2 };
    await expectNoLeak(async () => {
      const { exact, n, results } = await evaluateExact(said, { features, references }, options);
      expect([exact, n]).toEqual([1 / 3, 3]);
      expect(results.map((one) => one.exact)).toEqual([true, false, false]);
      expect((await evaluateCaptions(said, { features, references }, options)).exact).toBe(1 / 3);
    });
  });

  test('one image has no other image to swap with', async () => {
    const one: FeatureStore = { ...features, length: 1 };
    const { ciderSwapped, results } = await evaluateCaptions(
      model,
      { features: one, references: () => ['a b c d'] },
      { beams: 1, maxNewTokens: 3 },
    );
    expect(ciderSwapped).toBe(0);
    expect(results[0]!.swapped).toBe('');
  });

  test('answers: accuracy and the prior of each type, and over all questions', async () => {
    const types = ['color', 'count', 'none'];
    const ask = (type: string, image: number, answer: string) => ({ type, image, question: `${type}?`, answer });
    const questions = [
      ask('color', 0, 'red'),
      ask('color', 1, 'red'),
      ask('color', 2, 'blue'),
      ask('count', 0, 'two'),
      ask('count', 1, 'Blue'),
    ];
    const blue = { ...model, tokenizer: { ...model.tokenizer, decode: () => ' blue' } };
    await expectNoLeak(async () => {
      const scores = await evaluateVqa(blue, { features, types, questions }, { beams: 1, maxNewTokens: 2 });
      expect(scores.types).toEqual([
        { type: 'color', accuracy: 1 / 3, prior: 2 / 3, n: 3 },
        { type: 'count', accuracy: 1 / 2, prior: 1 / 2, n: 2 },
        { type: 'none', accuracy: 0, prior: 0, n: 0 },
      ]);
      expect([scores.accuracy, scores.prior, scores.n]).toEqual([2 / 5, 3 / 5, 5]);
      const right = { image: 1, type: 'count', question: 'count?', right: 'Blue', answer: 'blue', score: 1 };
      expect(scores.results[4]).toEqual(right);
    });
  });

  test('answers to what several people were asked are scored by the VQA rule, fewer by any of them', async () => {
    const blue = { ...model, tokenizer: { ...model.tokenizer, decode: () => ' blue' } };
    const people = ['red', 'red', 'red', 'blue', 'blue', 'grey', 'grey', 'grey', 'grey', 'grey'];
    const question = { image: 0, type: 'other', question: 'color?', answer: 'grey' };
    const of = async (answers: readonly string[]) =>
      evaluateVqa(
        blue,
        { features, types: ['other'], questions: [{ ...question, answers }] },
        { beams: 1, maxNewTokens: 2 },
      );
    const many = await of(people);
    expect(many.accuracy).toBeCloseTo((2 * (1 / 3) + 8 * (2 / 3)) / 10, 10);
    expect(many.prior).toBe(1);
    expect((await of(['red', 'blue'])).accuracy).toBe(1);
    expect((await of(['red', 'green'])).accuracy).toBe(0);
  });
});
