import { loadEmoji } from '@blip2/emoji';
import { expect, test } from '@jest/globals';
import { drawingsOf, OTHERS, VALIDATION, VENDORS } from '../drawings.js';
import { validationDrawings } from './validation.js';

test('Firefox OS is in no training, and Noto is nowhere', () => {
  const sets: readonly string[] = [...VENDORS, ...OTHERS];
  expect(sets).toHaveLength(9);
  expect(sets).not.toContain(VALIDATION);
  expect([...sets, VALIDATION].some((set) => set.includes('noto'))).toBe(false);
});

test('its drawings are known by their names', () => {
  const drawings = validationDrawings();
  expect(drawings.length).toBeGreaterThan(400);
  expect(drawings.length).toBeLessThan(drawingsOf(VALIDATION).length);
  const codes = new Map(loadEmoji().map(({ code, label }) => [code, label]));
  expect(drawings.every(({ code }) => codes.has(code))).toBe(true);
  expect(codes.get(drawings.find(({ name }) => name === 'alienmonster')?.code as string)).toBe('alien monster');
});
