import { expect, test } from '@jest/globals';
import { buildByteLevelBpe, byteLetters, OPT_SPECIALS, trainByteLevelBpe } from './byte-bpe.js';
import { learnMerges } from './merges.js';
import { createTokenizer, type TokenizerFiles } from './tokenizer.js';
import { BERT_SPECIALS, buildWordPiece, trainWordPiece } from './word-piece.js';

const texts = ['a photo of a red apple', 'a photo of two red apples', 'Question: what fruit? Answer: apple'];

const vocabOf = (files: TokenizerFiles): Record<string, number> =>
  (files.tokenizer as { model: { vocab: Record<string, number> } }).model.vocab;

test('merges: the most frequent pair first, ties in order, a pair that occurs once never', () => {
  const words = [
    [['l', 'o', 'w'], 5],
    [['l', 'o', 'w', 'e', 'r'], 2],
    [['n', 'e', 'w'], 6],
    [['x', 'y'], 1],
  ] as const;
  expect(learnMerges(words, { limit: 4 })).toEqual([
    ['l', 'o'], // 7, before "o w" with 7
    ['lo', 'w'],
    ['e', 'w'], // 6, before "n e" with 6
    ['n', 'ew'],
  ]);
  expect(learnMerges(words, { limit: 100 }).flat()).not.toContain('x');
  expect(learnMerges([[['a', 'a', 'a', 'a', 'a'], 2]], { limit: 9 })).toEqual([
    ['a', 'a'],
    ['aa', 'a'],
    ['aa', 'aaa'],
  ]);
});

test('BERT over a given vocabulary: lower case, no accents, longest pieces first, [DEC] behind the last', () => {
  const vocab = [...BERT_SPECIALS, 'cat', '##s', 'cafe', '!'];
  const tokenizer = createTokenizer(buildWordPiece(vocab));
  expect(tokenizer.encode('Cats  Café! dog')).toEqual([2, 5, 6, 7, 8, 1, 3]);
  expect(tokenizer.encode('cats', { addSpecialTokens: false })).toEqual([5, 6]);
  expect(tokenizer.special).toEqual({ bos: 9, pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 });
  expect(tokenizer.encode('[DEC]cat', { addSpecialTokens: false })).toEqual([9, 5]);
  expect(tokenizer.vocabSize).toBe(10);
  expect(() => buildWordPiece(['cat'])).toThrow('no [PAD]');
});

test('a trained WordPiece is deterministic, small enough, and encodes its training texts', () => {
  const files = trainWordPiece(texts, { vocabSize: 60 });
  expect(files).toEqual(trainWordPiece(texts, { vocabSize: 60 }));
  const tokenizer = createTokenizer(files);
  expect(tokenizer.vocabSize).toBeLessThanOrEqual(60);
  expect(tokenizer.encode('Red apple', { addSpecialTokens: false })).toEqual([
    tokenizer.id('red'),
    tokenizer.id('apple'),
  ]);
  expect(tokenizer.decode(tokenizer.encode('two red apples'))).toBe('two red apples');
  expect(tokenizer.encode('zzz', { addSpecialTokens: false })).toEqual([1]);
  expect(() => trainWordPiece(texts, { vocabSize: 20 })).toThrow('characters, too many for 20 pieces');
});

test('byte letters are those of GPT-2', () => {
  expect(byteLetters[32]).toBe('Ġ');
  expect(byteLetters[10]).toBe('Ċ');
  expect(byteLetters[65]).toBe('A');
  expect(byteLetters[173]).toBe('Ń');
  expect(new Set(byteLetters).size).toBe(256);
});

test('a trained byte-level tokenizer is like OPT’s and gives every text back', () => {
  const files = trainByteLevelBpe(texts, { vocabSize: 300 });
  expect(files).toEqual(trainByteLevelBpe(texts, { vocabSize: 300 }));
  const tokenizer = createTokenizer(files);
  expect(tokenizer.vocabSize).toBeLessThanOrEqual(300);
  expect(OPT_SPECIALS.map((token) => tokenizer.id(token))).toEqual([0, 1, 2, 3]);
  expect(tokenizer.special).toEqual({ bos: 2, eos: 2, pad: 1, unk: 2 });
  for (const text of [...texts, 'Naïve  \n 日本 🍎', ' leading']) {
    const ids = tokenizer.encode(text);
    expect(ids[0]).toBe(2);
    expect(tokenizer.decode(ids)).toBe(text);
  }
  const photo = tokenizer.encode('a photo', { addSpecialTokens: false });
  expect(photo).toEqual([tokenizer.id('a'), tokenizer.id('Ġphoto')]);
  expect(Object.keys(vocabOf(buildByteLevelBpe([['a', 'b']])))).toHaveLength(261);
  expect(() => trainByteLevelBpe(texts, { vocabSize: 100 })).toThrow('allow 260 or more');
});
