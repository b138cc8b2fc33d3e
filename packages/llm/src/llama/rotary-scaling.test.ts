import { expect, test } from '@jest/globals';
import { type RotaryScaling, rotaryFrequencies } from './rotary-scaling.js';

const base = 10000;
const plain = rotaryFrequencies({ type: 'default', base }, 8, 1).frequencies;

test('default frequencies are a geometric row', () => {
  expect([...plain]).toEqual([1, 0.1, 0.01, 0.001].map(Math.fround));
});

test('linear scaling divides every frequency', () => {
  const { frequencies } = rotaryFrequencies({ type: 'linear', base, factor: 4 }, 8, 1);
  for (const [i, frequency] of frequencies.entries()) expect(frequency).toBeCloseTo((plain[i] as number) / 4, 7);
});

test('dynamic scaling begins at the original length and grows with the text', () => {
  const scaling: RotaryScaling = { type: 'dynamic', base, factor: 2, original: 100 };
  const at = (columns: number): Float32Array => rotaryFrequencies(scaling, 8, columns).frequencies;
  expect(at(100)).toEqual(plain);
  expect(at(30)).toEqual(plain);
  const [first, , , last] = at(200) as unknown as [number, number, number, number];
  expect(first).toBe(1);
  expect(last).toBeCloseTo((base * 3 ** (8 / 6)) ** (-6 / 8), 9); // 2 * 200 / 100 - 1 = 3
  expect(at(400)[3] as number).toBeLessThan(last);
});

test('llama3 keeps fast pairs, divides slow ones, and interpolates between', () => {
  const scaling: RotaryScaling = { type: 'llama3', base, factor: 8, original: 512, lowFactor: 1, highFactor: 4 };
  const { frequencies } = rotaryFrequencies(scaling, 16, 1);
  const rotations = (i: number): number => (512 * base ** (-i / 8)) / (2 * Math.PI);
  frequencies.forEach((frequency, i) => {
    const whole = base ** (-i / 8);
    const kept = Math.min(1, Math.max(0, (rotations(i) - 1) / 3));
    expect(frequency / (kept * whole + ((1 - kept) * whole) / 8)).toBeCloseTo(1, 5);
  });
  expect(new Set([...frequencies].map((f, i) => Math.round(1000 * f * base ** (i / 8)))).size).toBeGreaterThan(2);
});

test('yarn keeps fast pairs and divides slow ones', () => {
  const scaling: RotaryScaling = {
    ...{ type: 'yarn', base, factor: 4, original: 64, betaFast: 8, betaSlow: 1 },
    ...{ truncate: true, attentionFactor: 1.2 },
  };
  const { frequencies, attentionFactor } = rotaryFrequencies(scaling, 16, 1);
  expect(attentionFactor).toBe(1.2);
  expect(frequencies[0]).toBe(1);
  expect(frequencies[7] as number).toBeCloseTo(base ** (-7 / 8) / 4, 9);
  const narrow = rotaryFrequencies({ ...scaling, betaFast: 1e-9, betaSlow: 1e-9 }, 16, 1); // one pair at which all changes
  expect(narrow.frequencies.every(Number.isFinite)).toBe(true);
});
