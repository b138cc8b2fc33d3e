import { buildWordPiece, createTokenizer, trainByteLevelBpe } from '@blip2/data';
import { expect, test } from '@jest/globals';
import { withDecoderRow, withImageRow } from './tokens.js';

const bert = buildWordPiece(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'cat']);
/** BERT's own, without the token that BLIP-2 adds. */
const plain = {
  tokenizer: {
    ...bert.tokenizer,
    added_tokens: (bert.tokenizer as { added_tokens: { id: number }[] }).added_tokens.filter(({ id }) => id < 5),
    model: {
      ...(bert.tokenizer as { model: object }).model,
      vocab: { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, '[MASK]': 4, a: 5, cat: 6 },
    },
  },
  config: { cls_token: '[CLS]' },
};

test('[DEC] gets the row after those of BERT, and is the bos', () => {
  expect(createTokenizer(plain).vocabSize).toBe(7);
  const made = createTokenizer(withDecoderRow(plain, 8));
  expect([made.vocabSize, made.special.bos, made.encode('a cat')]).toEqual([8, 7, [2, 5, 6, 3]]);
  expect(createTokenizer(withDecoderRow(bert, 8)).special.bos).toBe(7);
  expect(() => withDecoderRow(plain, 9)).toThrow(
    'has 7 tokens and no [DEC], but the word embeddings have 9 rows; give',
  );
});

test('<image> gets the first row that no token has, or a spare token', () => {
  const files = trainByteLevelBpe(['a red apple'], { vocabSize: 265 });
  const { vocabSize } = createTokenizer(files);
  const rowed = createTokenizer(withImageRow(files, vocabSize + 7));
  expect([rowed.id('<image>'), rowed.vocabSize]).toEqual([vocabSize, vocabSize + 1]);
  expect(rowed.encode('a red apple')).toEqual(createTokenizer(files).encode('a red apple'));
  const tight = createTokenizer(withImageRow(files, vocabSize));
  expect([tight.id('<image>'), tight.vocabSize]).toEqual([0, vocabSize]);
});
