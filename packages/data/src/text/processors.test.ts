import { expect, test } from '@jest/globals';
import { captionProcessor, questionProcessor } from './processors.js';

test('captions: punctuation to spaces, runs collapsed, ends stripped', () => {
  expect(captionProcessor('A Dog, a "cat" & (two) birds.')).toBe('a dog, a cat & two birds');
  expect(captionProcessor("it's 3-4 o'clock? yes/no!\n")).toBe("it's 3-4 o'clock? yes/no");
  expect(captionProcessor('one * two\t\tthree; #4')).toBe('one two three 4');
  expect(captionProcessor('a cat', { prompt: 'a photo of ' })).toBe('a photo of a cat');
  expect(captionProcessor('. . .')).toBe('');
});

test('captions are cut after the words of the text, not of the prompt', () => {
  const long = Array.from({ length: 60 }, (_, i) => `w${i}`).join(' ');
  expect(captionProcessor(long).split(' ')).toHaveLength(50);
  expect(captionProcessor(long, { prompt: 'a photo of ', maxWords: 2 })).toBe('a photo of w0 w1');
});

test('questions: the same characters deleted, the question mark kept', () => {
  expect(questionProcessor('What is "this" (here)? ')).toBe('what is this here?');
  expect(questionProcessor('U.S.A.: where?')).toBe('usa where?');
  expect(questionProcessor(' two  spaces')).toBe(' two  spaces');
  expect(questionProcessor('a b c d', { maxWords: 3 })).toBe('a b c');
});
