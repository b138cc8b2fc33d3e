import { expect, test } from '@jest/globals';
import { normalizeAnswer } from './normalize.js';
import { exactMatch, vqaAccuracy, vqaAccuracyNormalized, vqaScore } from './vqa.js';

test.each([
  ['The red  Apple.', 'red apple'],
  ['Two dogs, one cat', '2 dogs 1 cat'],
  ['None', '0'],
  ['dont know', "don't know"],
  ['its well', 'its well'],
  ['t-shirt', 't shirt'],
  ['t -shirt', 't shirt'],
  ['1,000', '1000'],
  ['2.5', '2.5'],
  ['no.', 'no'],
  ['yes!\n', 'yes'],
  ['an', ''],
])('%j is compared as %j', (answer, expected) => {
  expect(normalizeAnswer(answer)).toBe(expected);
});

test.each([
  ['by the script', vqaAccuracy, 'red.'],
  ['with all answers normalized', vqaAccuracyNormalized, 'The RED.'],
])('accuracy %s averages over leaving out each person', (_, vqaAccuracy, text) => {
  const people = (agreeing: number) => Array.from({ length: 10 }, (_, i) => (i < agreeing ? text : `other ${i}x`));
  expect(vqaAccuracy('red', people(0))).toBe(0);
  expect(vqaAccuracy('red', people(1))).toBeCloseTo(0.3, 12); // 9 of 10 subsets hold it once
  expect(vqaAccuracy('red', people(2))).toBeCloseTo(0.6, 12);
  expect(vqaAccuracy('red', people(3))).toBeCloseTo(0.9, 12);
  expect(vqaAccuracy('red', people(4))).toBe(1);
  expect(vqaAccuracyNormalized('a red', people(10))).toBe(1);
  expect(() => vqaAccuracy('red', [])).toThrow('without human answers');
});

test('scores of several questions', () => {
  const humans = [Array<string>(10).fill('yes'), Array<string>(10).fill('two')];
  expect(vqaScore(['Yes', '3'], humans)).toBe(0.5);
  expect(vqaScore(['Yes', 'two'], humans)).toBe(0.5); // the script leaves the people's 'two' as it is
  expect(vqaScore(['Yes', 'two'], humans, vqaAccuracyNormalized)).toBe(1);
  expect(exactMatch(['Yes', '3', 'cat'], ['yes', 'three', ['dog', 'the cat']])).toBe(1);
  expect(exactMatch(['Yes', '4'], ['yes', 'three'])).toBe(0.5);
  expect(() => exactMatch(['yes'], [])).toThrow('1 answers to 0 questions');
});
