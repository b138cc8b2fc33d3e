import { cp, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { COMMIT, gitSha1 } from '@blip2/testing/hub';
import { describe, expect, test } from '@jest/globals';
import { blobsIn, etag, expectWeights, large, noise, text, tinyHub, weights } from '../test/tiny-hub.js';
import type { DownloadProgress } from './options.js';

const tiny = tinyHub();
const { resolved, gets } = tiny;

describe('a download', () => {
  test('lies in the cache as the usual library lays it out, and has only what is needed', async () => {
    await inFolder(async (cache) => {
      const seen: DownloadProgress[] = [];
      const folder = await resolved(cache, { onDownload: (progress) => seen.push(progress) });
      const home = join(cache, 'models--org--tiny');
      expect(folder).toBe(join(home, 'snapshots', COMMIT));
      expect(await readFile(join(home, 'refs', 'main'), 'utf8')).toBe(COMMIT);
      expect((await readdir(folder)).sort()).toEqual([
        'config.json',
        'model.safetensors',
        'qformer_tokenizer',
        'tokenizer.json',
      ]);
      expect((await readdir(blobsIn(cache))).sort()).toEqual(
        [etag, ...['{"a": 1}', '{}', '{"q": 1}'].map((content) => gitSha1(Buffer.from(content)))].sort(),
      );
      expect((await lstat(join(folder, 'model.safetensors'))).isSymbolicLink()).toBe(true);
      expect(await readFile(join(folder, 'qformer_tokenizer', 'tokenizer.json'), 'utf8')).toBe('{"q": 1}');
      await expectWeights(folder);
      const total = weights.length + 18;
      expect(seen.at(-1)).toEqual({ file: 'model.safetensors', done: total, total });
      expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b));
      await cp(home, join(cache, 'moved'), { recursive: true, verbatimSymlinks: true });
      await expectWeights(join(cache, 'moved', 'snapshots', COMMIT)); // the links are relative
    });
  });

  test('is done once; then only the commit is asked for, and nothing when the name has one', async () => {
    await inFolder(async (cache) => {
      const folder = await resolved(cache);
      tiny.hub.asked.length = 0;
      expect(await resolved(cache)).toBe(folder);
      expect(tiny.hub.asked.map(({ path }) => path)).toEqual(['/api/models/org/tiny/revision/main']);
      expect(await resolved(cache, {}, `org/tiny@${COMMIT}`)).toBe(folder);
      expect(tiny.hub.asked).toHaveLength(1);
    });
  });

  test('of a newer commit takes what is new and keeps the older one', async () => {
    await inFolder(async (cache) => {
      const old = await resolved(cache);
      tiny.hub.commit = 'f'.repeat(40);
      tiny.hub.files.set('config.json', text('{"a": 2}'));
      tiny.hub.asked.length = 0;
      const folder = await resolved(cache);
      expect(gets()).toEqual([]);
      expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe('{"a": 2}');
      expect(await readFile(join(old, 'config.json'), 'utf8')).toBe('{"a": 1}');
      await expectWeights(folder);
    });
  });

  test('in shards has those that the index names', async () => {
    await inFolder(async (cache) => {
      const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
      const map = { weight_map: { a: shards[0], b: shards[1], c: shards[0] } };
      tiny.hub.files.delete('model.safetensors');
      tiny.hub.files.set('model.safetensors.index.json', text(JSON.stringify(map)));
      for (const [i, shard] of shards.entries()) tiny.hub.files.set(shard, large(noise(1000, i + 2)));
      tiny.hub.files.set('model-00003-of-00003.safetensors', large(noise(5)));
      const folder = await resolved(cache);
      expect(await readdir(folder)).toEqual(expect.arrayContaining(shards));
      expect(await readdir(folder)).not.toContain('model-00003-of-00003.safetensors');
      expect(await resolved(cache, { hub: { offline: true } })).toBe(folder);
      await rm(join(folder, shards[1]!));
      await expect(resolved(cache, { hub: { offline: true } })).rejects.toThrow('no complete download');
      expect(await resolved(cache)).toBe(folder);
      expect(await readdir(folder)).toContain(shards[1]);
    });
  });

  test('with adapters has them, beside its weights or in their folder', async () => {
    await inFolder(async (cache) => {
      for (const folder of ['', 'adapter/']) {
        tiny.hub.files.set(`${folder}adapter_config.json`, text('{"r": 4}'));
        tiny.hub.files.set(`${folder}adapter_model.safetensors`, large(noise(1000)));
      }
      const folder = await resolved(cache);
      for (const name of ['adapter_config.json', 'adapter/adapter_config.json']) {
        expect(await readFile(join(folder, name), 'utf8')).toBe('{"r": 4}');
      }
      for (const name of ['adapter_model.safetensors', 'adapter/adapter_model.safetensors']) {
        expect(new Uint8Array(await readFile(join(folder, name)))).toEqual(noise(1000));
      }
    });
  });

  test('of a branch with slashes has its reference, and is asked for encoded', async () => {
    await inFolder(async (cache) => {
      await resolved(cache, {}, 'org/tiny@refs/pr/1');
      expect(tiny.hub.asked[0]!.path).toBe('/api/models/org/tiny/revision/refs%2Fpr%2F1');
      expect(await readFile(join(cache, 'models--org--tiny', 'refs', 'refs', 'pr', '1'), 'utf8')).toBe(COMMIT);
    });
  });
});

test('two at once have the same folder and one download', async () => {
  await inFolder(async (cache) => {
    tiny.hub.behave = ({ server }) => (server === 'storage' ? { slow: 5 } : undefined);
    const folders = await Promise.all([resolved(cache), resolved(cache)]);
    expect(folders[0]).toBe(folders[1]);
    await expectWeights(folders[0]!);
    expect((await readdir(blobsIn(cache))).filter((name) => name.endsWith('incomplete'))).toEqual([]);
  });
});

describe('the disk', () => {
  const onLinux = process.platform === 'linux' ? test : test.skip;
  onLinux('a full one is told', async () => {
    await inFolder(async (cache) => {
      await mkdir(blobsIn(cache), { recursive: true });
      await symlink('/dev/full', join(blobsIn(cache), `${etag}.incomplete`));
      const full = resolved(cache);
      await expect(full).rejects.toThrow(/^The cache '.*' cannot be written to: the disk is full; free some space/);
    });
  });

  test('a path through a file is told', async () => {
    await inFolder(async (folder) => {
      await writeFile(join(folder, 'file'), '');
      await expect(resolved(join(folder, 'file', 'hub'))).rejects.toThrow(
        'a part of its path is not a folder; set HF_HOME',
      );
    });
  });
});
