import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { describe, expect, test } from '@jest/globals';
import { blobsIn, etag, expectWeights, tinyHub, weights } from '../test/tiny-hub.js';
import type { DownloadProgress } from './options.js';

const tiny = tinyHub();
const { resolved, ofWeights, gets } = tiny;

describe('a connection that is cut', () => {
  test('goes on where it was', async () => {
    await inFolder(async (cache) => {
      ofWeights((n) => (n < 3 ? { cutAfter: 500_000 } : undefined));
      await expectWeights(await resolved(cache));
      const starts = gets();
      expect(starts).toEqual([0, expect.any(Number), expect.any(Number), expect.any(Number)]);
      for (let i = 1; i < 4; i++) {
        expect(starts[i]).toBeGreaterThan(starts[i - 1]!);
        expect(starts[i]).toBeLessThanOrEqual(starts[i - 1]! + 500_000);
      }
    });
  });

  test('more than five times in a row is told; what came is kept for the next run', async () => {
    await inFolder(async (cache) => {
      ofWeights((n) => ({ cutAfter: n === 0 ? 70_000 : 10 }));
      await expect(resolved(cache)).rejects.toThrow(/The connection to 127\.0\.0\.1:\d+ broke: .*; try again/);
      expect(gets()).toHaveLength(5);
      const { size } = await lstat(join(blobsIn(cache), `${etag}.incomplete`));
      expect(size).toBeGreaterThan(0);
      expect(await readdir(join(cache, 'models--org--tiny'))).not.toContain('refs');
      ofWeights(() => undefined);
      tiny.hub.asked.length = 0;
      await expectWeights(await resolved(cache));
      expect(gets()).toEqual([size]);
      expect(await readdir(blobsIn(cache))).not.toContain(`${etag}.incomplete`);
    });
  });

  test('by silence', async () => {
    await inFolder(async (cache) => {
      ofWeights((n) => (n === 0 ? { stallAfter: 100_000 } : undefined));
      await expectWeights(await resolved(cache, { hub: { stallTimeout: 1_000 } }));
      expect(gets()).toEqual([0, 100_000]);
    });
  });

  test('and a server that knows no ranges begins anew', async () => {
    await inFolder(async (cache) => {
      ofWeights((n) => ({ ignoreRange: true, ...(n === 0 && { cutAfter: 500_000 }) }));
      await expectWeights(await resolved(cache));
      const [first, second, ...more] = gets();
      expect([first, more]).toEqual([0, []]);
      expect(second).toBeGreaterThan(0);
    });
  });

  test('busy servers are asked again', async () => {
    await inFolder(async (cache) => {
      let n = 0;
      tiny.hub.behave = () => [{ status: 429, headers: { 'retry-after': '0' } }, { status: 503 }][n++];
      await expectWeights(await resolved(cache));
      tiny.hub.behave = () => ({ status: 429 });
      await expect(resolved(join(cache, 'other'))).rejects.toThrow('gets too many requests (429); try again later');
    });
  });

  test('the signal stops it, and what came is kept', async () => {
    await inFolder(async (cache) => {
      tiny.hub.behave = ({ server }) => (server === 'storage' ? { slow: 5 } : undefined);
      const control = new AbortController();
      const onDownload = ({ done }: DownloadProgress): void => {
        if (done > 1e6) control.abort(new Error('enough'));
      };
      await expect(resolved(cache, { signal: control.signal, onDownload })).rejects.toThrow('enough');
      const left = await lstat(join(blobsIn(cache), `${etag}.incomplete`));
      expect(left.size).toBeGreaterThan(9e5);
      expect(left.size).toBeLessThan(weights.length);
    });
  });
});
