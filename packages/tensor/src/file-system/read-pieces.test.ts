import { expect, test } from '@jest/globals';
import { readPieces } from './read-pieces.js';

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('every byte is read once, two pieces at a time', async () => {
  const target = new Uint8Array(20 * 2 ** 20 + 5);
  const begins: number[] = [];
  let [now, most] = [0, 0];
  await readPieces(target, async (part, begin) => {
    begins.push(begin);
    most = Math.max(most, ++now);
    await later();
    for (let i = 0; i < part.length; i++) part[i]! += ((begin + i) % 251) + 1;
    now--;
  });
  expect(begins).toEqual([0, 8 * 2 ** 20, 16 * 2 ** 20]);
  expect(most).toBe(2);
  expect(target.findIndex((byte, i) => byte !== (i % 251) + 1)).toBe(-1);
});

test('after a failure nothing more is read, and none goes on when it is thrown', async () => {
  let [begun, ended] = [0, 0];
  const read = async (_: Uint8Array, begin: number): Promise<void> => {
    begun++;
    await later();
    if (begin === 0) throw new Error('the disk is gone');
    await later();
    ended++;
  };
  await expect(readPieces(new Uint8Array(2 ** 26), read)).rejects.toThrow('the disk is gone');
  expect([begun, ended]).toEqual([2, 1]);
});
