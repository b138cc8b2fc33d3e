import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { type Behavior, sha256 } from '@blip2/testing/hub';
import { describe, expect, test } from '@jest/globals';
import { blobsIn, etag, expectWeights, failure, large, noise, tinyHub, weights } from '../test/tiny-hub.js';

const tiny = tinyHub();
const { resolved, ofWeights, gets } = tiny;

describe('a hub with invalid responses', () => {
  const left = async (cache: string): Promise<string[]> =>
    (await readdir(blobsIn(cache))).filter((name) => name.startsWith(etag) || name.endsWith('.incomplete'));

  test.each<[string, Behavior, Behavior, string]>([
    ['of the size, too small', { size: 1000 }, {}, 'has 3,000,001 bytes instead of 1,000 bytes'],
    ['of the size, too large', { size: 4_000_000 }, {}, 'has 3,000,001 bytes instead of 4,000,000 bytes'],
    ['and sends for ever', { size: 1000 }, { chunked: true }, 'is longer than 1,000 bytes'],
    ['and sends too little', { size: 4_000_000 }, { chunked: true }, 'ends after 3,000,001 bytes'],
    [
      'of the content',
      {},
      { bytes: noise(weights.length, 9) },
      `does not have the expected checksum ${etag.slice(0, 12)}…`,
    ],
  ])('%s', async (_, said, sent, message) => {
    await inFolder(async (cache) => {
      tiny.hub.behave = ({ server, path }) =>
        server === 'storage' ? sent : path.includes('safetensors') ? said : undefined;
      const error = await failure(resolved(cache));
      expect(error.message).toContain(message);
      expect(error.message).toMatch(/^'model\.safetensors' of 'org\/tiny' .*; it was removed, download it again from/);
      expect(await left(cache)).toEqual([]);
      tiny.hub.behave = () => undefined;
      await expectWeights(await resolved(cache));
    });
  });

  test('of a small file', async () => {
    await inFolder(async (cache) => {
      tiny.hub.behave = ({ path, method }) =>
        path.endsWith('/config.json') && method === 'GET' ? { bytes: Buffer.from('{"a": 9}') } : undefined;
      await expect(resolved(cache)).rejects.toThrow("'config.json' of 'org/tiny' does not have the expected checksum");
      tiny.hub.behave = ({ path }) =>
        path.endsWith('/config.json') ? { chunked: true, bytes: noise(2e6) } : undefined;
      await expect(resolved(cache)).rejects.toThrow("'config.json' of 'org/tiny' is longer than 1,000,000 bytes");
      tiny.hub.behave = ({ path }) => (path.endsWith('/config.json') ? { bytes: noise(2e6) } : undefined);
      await expect(resolved(cache)).rejects.toThrow("states 2,000,000 bytes for 'config.json'");
      tiny.hub.behave = ({ path }) => (path.endsWith('/config.json') ? { chunked: true } : undefined);
      await resolved(cache);
    });
  });

  test('of the room that a file takes', async () => {
    await inFolder(async (cache) => {
      tiny.hub.behave = ({ path }) => (path.includes('safetensors') ? { size: 9e14 } : undefined);
      await expect(resolved(cache)).rejects.toThrow(/^900000\.0 GB are needed and [\d.]+ GB are free in the cache/);
    });
  });

  test.each<[string, string]>([
    ['etag', '../../../out'],
    ['no etag', ''],
  ])('an unusable %s is refused', async (_, said) => {
    await inFolder(async (cache) => {
      tiny.hub.behave = ({ path }) => (path.endsWith('config.json') ? { etag: said } : undefined);
      await expect(resolved(cache)).rejects.toThrow("states no ETag for 'config.json'");
    });
  });

  test('a file that changes meanwhile is begun anew; one that always does is told', async () => {
    await inFolder(async (cache) => {
      const next = noise(3_000_000, 7);
      ofWeights((n) => {
        if (n === 0) tiny.hub.files.set('model.safetensors', large(next)); // between the first part and the next
        return n === 0 ? { cutAfter: 500_000 } : undefined;
      });
      const folder = await resolved(cache);
      expect(sha256(await readFile(join(folder, 'model.safetensors')))).toBe(sha256(next));
      const [first, second, ...more] = gets();
      expect([first, more]).toEqual([0, [0]]);
      expect(second).toBeGreaterThan(0);
      expect(await left(cache)).toEqual([]);
      let n = 0;
      tiny.hub.behave = ({ path }) => (path.endsWith('safetensors') ? { etag: sha256(noise(4, ++n)) } : undefined);
      await expect(resolved(join(cache, 'other'))).rejects.toThrow('changed while it was downloaded');
    });
  });

  test('a damaged beginning from an earlier run is thrown away once', async () => {
    await inFolder(async (cache) => {
      await mkdir(blobsIn(cache), { recursive: true });
      await writeFile(join(blobsIn(cache), `${etag}.incomplete`), new Uint8Array(1_000_000));
      await expectWeights(await resolved(cache));
      expect(gets()).toEqual([1_000_000, 0]);
    });
  });
});
