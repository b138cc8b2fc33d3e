import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { isContentOf } from './digest.js';

const bytes = Uint8Array.from({ length: 9_000_000 }, (_, i) => (i * 31) % 253);
const source = (content: Uint8Array) => ({
  size: content.length,
  read: async (offset: number, length: number) => content.slice(offset, offset + length),
  close: async () => {},
});

test.each([0, 1, bytes.length])("checksums of %i bytes are those of Node's crypto", async (length) => {
  const content = bytes.subarray(0, length);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const git = createHash('sha1').update(`blob ${length}\0`).update(content).digest('hex');
  expect(await isContentOf(sha256, source(content))).toBe(true);
  expect(await isContentOf(git, source(content))).toBe(true);
  const other = Uint8Array.from([...content.subarray(0, 10), 1]);
  expect(await isContentOf(sha256, source(other))).toBe(false);
  expect(await isContentOf(git, source(other))).toBe(false);
  expect(await isContentOf('W-3', source(other))).toBe(true);
});

test('an abort stops it', async () => {
  const sum = '0'.repeat(64);
  await expect(isContentOf(sum, source(bytes), AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
});
