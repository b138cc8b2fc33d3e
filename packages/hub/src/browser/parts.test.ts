import { join, listFolder, memoryFolder, mountFolder, unmountFolder } from '@blip2/tensor/files';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { appendParts, openParts, removeParts, storedBytes } from './parts.js';

const PART = 16;
const FILE = 'a b/model.safetensors';

test('what is appended in pieces, by several writers, is read as one file', async () => {
  const pieces = fc.array(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }), { maxLength: 4 });
  const range = fc.tuple(fc.nat(200), fc.nat(200));
  await fc.assert(
    fc.asyncProperty(pieces, range, async (writers, [offset, length]) => {
      const root = mountFolder(memoryFolder());
      for (const list of writers) {
        const writer = await appendParts(root, FILE, PART);
        for (const piece of list) await writer.write(piece);
        await writer.close();
      }
      const whole = Uint8Array.from(writers.flat().flatMap((piece) => [...piece]));
      expect(await storedBytes(root, FILE, PART)).toBe(whole.length);
      const source = await openParts(root, FILE, PART);
      expect(source.size).toBe(whole.length);
      expect([...(await source.read(offset, length))]).toEqual([...whole.subarray(offset, offset + length)]);
      await source.close();
      await removeParts(root, FILE);
      expect(await listFolder(root)).toEqual([]);
      unmountFolder(root);
    }),
    { numRuns: 60, seed: 11 },
  );
});

test('a file of another name is left alone', async () => {
  const root = mountFolder(memoryFolder([['model.safetensors.index.json.0', new Uint8Array(3)]]));
  const writer = await appendParts(root, 'model.safetensors', PART);
  await writer.write(new Uint8Array(40));
  await writer.close();
  await removeParts(root, 'model.safetensors');
  expect(await storedBytes(root, 'model.safetensors.index.json', PART)).toBe(3);
  expect(join(root, 'a')).toBe(`${root}/a`);
  unmountFolder(root);
});
