import { afterEach, expect, test } from '@jest/globals';
import { systemMemory } from './browser.js';

const GIB = 2 ** 30;
const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
afterEach(() => {
  if (before) Object.defineProperty(globalThis, 'navigator', before);
  else Reflect.deleteProperty(globalThis, 'navigator');
});

test.each([
  ['a desktop that says nothing', { userAgent: 'X11; Linux' }, 4],
  ['a desktop with 8 GiB or more', { userAgent: 'X11', deviceMemory: 8, userAgentData: { mobile: false } }, 4],
  ['a small laptop', { userAgent: 'X11', deviceMemory: 4 }, 2],
  ['a phone that says nothing', { userAgent: 'iPhone; CPU iPhone OS 18' }, 1.5],
  ['a phone by its hint', { userAgent: 'Linux', deviceMemory: 8, userAgentData: { mobile: true } }, 1.5],
  ['a small phone', { userAgent: 'Android', deviceMemory: 2 }, 1],
])('the memory that a page may take: %s', (_, value, gib) => {
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true });
  expect(systemMemory()).toBe(gib * GIB);
});
