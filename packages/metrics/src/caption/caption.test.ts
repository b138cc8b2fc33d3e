import { expect, test } from '@jest/globals';
import { bleu } from './bleu.js';
import { cider } from './cider.js';
import { rougeL } from './rouge.js';
import { captionTokens } from './tokens.js';

test.each([
  [
    "A man's T-shirt, red & white: he doesn't (really) like it!",
    "a man 's t-shirt red & white he does n't -lrb- really -rrb- like it",
  ],
  [" -- 'quoted' ... ", 'quoted'],
  ['cannot gonna GOTTA lemme gimme wanna', 'can not gon na got ta lem me gim me wan na'],
  ['50% $5.99 1,000 10:30 3.5km £5 5¢', '50 % $ 5.99 1,000 10:30 3.5 km # 5 5 cents'],
  ['U.S. Mr. Smith etc. no. 5, no.', 'u.s. mr. smith etc. no. 5 no'],
  ['यह एक कुत्ता है। cafe\u0301', 'यह एक कुत्ता है । cafe\u0301'],
  ['[x] {y} <b>z</b> :-)', '-lsb- x -rsb- -lcb- y -rcb- <b> z </b> :--rrb-'],
  ['1 1/2 cups\nof\rtea', '1\u00A01/2 cups of tea'],
  ['', ''],
])('%j has the tokens %j', (text, tokens) => {
  expect(captionTokens(text).join(' ')).toBe(tokens);
});

test('CIDEr-D of two images, worked out by hand', () => {
  // Every n-gram below stands in one of two documents, so that each weighs log 2 times its count, which cancels.
  const references = [['red apple'], ['green pear tree']];
  // exact caption: cosines 1 for sizes 1 and 2, none for 3 and 4: 10 * 2 / 4
  expect(cider(['red apple', 'x'], references).each[0]).toBeCloseTo(5, 10);
  // "red apple apple": unigrams (1,2) against (1,1), clipped 2 / (sqrt 5 sqrt 2); bigrams 1 / sqrt 2; one word too long
  const expected = ((10 / 4) * (2 / Math.sqrt(10) + 1 / Math.sqrt(2))) / Math.exp(1 / 72);
  expect(cider(['red apple apple', 'x'], references).each[0]).toBeCloseTo(expected, 10);
  expect(cider(['blue sky', 'green pear tree'], references)).toEqual({ score: 3.75, each: [0, 7.5] });
});

test('CIDEr-D: words of every image weigh nothing, several references are averaged', () => {
  const references = [['a cat', 'a dog'], ['a bird']];
  const { each } = cider(['a cat', 'a'], references);
  // "a" weighs log 1 = 0; against "a cat" 1 and 1 for two sizes, against "a dog" 0
  expect(each[0]).toBeCloseTo((10 * 2) / 4 / 2, 10);
  expect(each[1]).toBe(0);
  expect(cider(['a cat'], [['a cat']]).score).toBe(0);
  expect(cider(['red cat'], [['red cat']], { corpus: [['red cat'], ['x'], ['y']] }).score).toBeCloseTo(5, 10);
});

test('swapped captions score lower', () => {
  const references = [['a red apple on a table'], ['two dogs run in the snow'], ['a man rides a bike']];
  const right = references.map(([text]) => text!);
  const [first, ...others] = right;
  expect(cider(right, references).score).toBeCloseTo(10, 10);
  expect(cider([...others, first!], references).score).toBeLessThan(0.5);
});

test('BLEU by hand', () => {
  const reference = ['the cat is on the mat'];
  expect(bleu(['the the the the the the the'], [reference]).bleu1).toBeCloseTo(2 / 7, 8);
  const { bleu1, bleu2, bleu3, bleu4 } = bleu(['the cat is on a mat'], [reference]);
  expect(bleu1).toBeCloseTo(5 / 6, 8);
  expect(bleu2).toBeCloseTo(Math.sqrt((5 / 6) * (3 / 5)), 8);
  expect(bleu3).toBeCloseTo(((5 / 6) * (3 / 5) * (2 / 4)) ** (1 / 3), 8);
  expect(bleu4).toBeCloseTo(((5 / 6) * (3 / 5) * (2 / 4) * (1 / 3)) ** (1 / 4), 8);
  // three words against six: penalty exp(1 - 6 / 3)
  expect(bleu(['the cat is'], [reference]).bleu1).toBeCloseTo(Math.exp(-1), 8);
  // of references of 6 and 3 words the nearer one counts
  expect(bleu(['the cat is'], [[...reference, 'a big dog']]).bleu1).toBeCloseTo(1, 8);
  expect(bleu(['nothing here'], [reference]).bleu4).toBeLessThan(1e-6);
});

test('ROUGE-L by hand', () => {
  // common subsequence "police the gunman" of 4 and 4 words
  const { score } = rougeL(['police ended the gunman'], [['police killed the gunman']]);
  expect(score).toBeCloseTo(0.75, 12);
  // best precision 2/2 and best recall 2/3: (1 + 1.44) * 1 * (2/3) / (2/3 + 1.44)
  expect(rougeL(['red apple'], [['a red apple', 'pear']]).score).toBeCloseTo((2.44 * (2 / 3)) / (2 / 3 + 1.44), 12);
  expect(rougeL(['x', 'a b'], [['y'], ['a b']])).toEqual({ score: 0.5, each: [0, 1] });
});

test('captions without references are refused', () => {
  expect(() => cider([], [])).toThrow('No captions were given');
  expect(() => bleu(['a'], [])).toThrow('1 captions and references for 0');
  expect(() => rougeL(['a'], [[]])).toThrow('Caption 0 has no reference');
});
