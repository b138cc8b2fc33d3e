import { readFile } from 'node:fs/promises';
import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { normalizeAnswer } from './normalize.js';
import { vqaAccuracy, vqaAccuracyNormalized, vqaScore } from './vqa.js';

interface Question {
  readonly answer: string;
  readonly people: string[];
  readonly normalized: string;
  readonly accuracy: number;
}
const questions: Question[] = JSON.parse(await readFile(fixture('captions/vqa.json'), 'utf8'));

test('answers are normalized and scored as by the official script', () => {
  expect(questions.length).toBe(302);
  for (const { answer, people, normalized, accuracy } of questions) {
    expect([answer, normalizeAnswer(answer)]).toEqual([answer, normalized]);
    expect([answer, people, vqaAccuracy(answer, people)]).toEqual([answer, people, expect.closeTo(accuracy, 9)]);
  }
  const answers = questions.map(({ answer }) => answer);
  const people = questions.map((question) => question.people);
  const mean = questions.reduce((sum, { accuracy }) => sum + accuracy, 0) / questions.length;
  expect(vqaScore(answers, people)).toBeCloseTo(mean, 9);
  expect(vqaScore(answers, people, vqaAccuracyNormalized)).toBeGreaterThan(mean);
});

test("ten people's number words count only where all answers are normalized", () => {
  const two = Array<string>(10).fill('two');
  expect([vqaAccuracy('two', two), vqaAccuracy('2', two)]).toEqual([0, 0]);
  expect([vqaAccuracyNormalized('two', two), vqaAccuracyNormalized('2', two)]).toEqual([1, 1]);
});
