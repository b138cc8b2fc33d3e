import { lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { inFolder } from '@blip2/testing';
import { describe, expect, test } from '@jest/globals';
import { diskError } from './errors.js';
import { hubName } from './name.js';
import { placeBlob } from './node/cache.js';
import { hubSettings } from './settings.js';

describe('settings', () => {
  const cacheOf = (env: Record<string, string>): string => hubSettings({}, env).cache;

  test('the cache is where the environment says', () => {
    expect(cacheOf({})).toBe(join(homedir(), '.cache', 'huggingface', 'hub'));
    expect(cacheOf({ XDG_CACHE_HOME: '/x' })).toBe(resolve('/x/huggingface/hub'));
    expect(cacheOf({ XDG_CACHE_HOME: '/x', HF_HOME: '~/h' })).toBe(join(homedir(), 'h', 'hub'));
    expect(cacheOf({ HF_HOME: '/h', HF_HUB_CACHE: '/c' })).toBe(resolve('/c'));
  });

  test('the token, the address and whether to use the network at all', () => {
    const { token, endpoint, offline } = hubSettings({}, {});
    expect({ token, endpoint, offline }).toEqual({ endpoint: 'https://huggingface.co', offline: false });
    const env = { HF_TOKEN: ' hf_x\n', HF_ENDPOINT: 'https://mirror.example/', HF_HUB_OFFLINE: 'ON' };
    expect(hubSettings({}, env)).toMatchObject({ token: 'hf_x', endpoint: 'https://mirror.example', offline: true });
    expect(() => hubSettings({}, { HF_ENDPOINT: 'mirror' })).toThrow(
      "address 'mirror' is not an http or https address",
    );
    const secret = { HF_ENDPOINT: 'https://me:secret@mirror.example' };
    expect(() => hubSettings({}, secret)).toThrow('HF_ENDPOINT contains a user name or a password; leave them out.');
    expect(() => hubSettings({}, { HF_TOKEN: 'se\ncret' })).toThrow('HF_TOKEN contains invalid characters');
  });
});

test('names and revisions', () => {
  expect(hubName('gpt2')).toEqual({ repo: 'gpt2', revision: 'main' });
  expect(hubName('Salesforce/blip2-opt-2.7b')).toEqual({ repo: 'Salesforce/blip2-opt-2.7b', revision: 'main' });
  expect(hubName('a/b@refs/pr/3')).toEqual({ repo: 'a/b', revision: 'refs/pr/3' });
  const paths = ['', '.', '..', 'a/', '/a', 'a//b', 'a/b/c', 'a--b', 'a..b', '-a', 'a.git', 'C:\\a', '~/a', 'x.pth'];
  const wrong = ['a@', 'a@b@c', 'a@/b', 'a@b/', 'a@../b', 'a@b/../c', 'a@.b', `a/${'b'.repeat(97)}`, 'ä/b'];
  for (const text of [...paths, ...wrong]) expect([text, hubName(text)]).toEqual([text, undefined]);
});

test('where no symbolic links can be made, a hard one serves', async () => {
  await inFolder(async (folder) => {
    await mkdir(join(folder, 'blobs'));
    const blob = join(folder, 'blobs', 'x');
    await writeFile(blob, 'content');
    const path = join(folder, 'snapshots', 'c', 'deep', 'config.json');
    await placeBlob(blob, path, () => Promise.reject(new Error('EPERM')));
    const status = await lstat(path);
    expect([status.isFile(), status.nlink, await readFile(path, 'utf8')]).toEqual([true, 2, 'content']);
  });
});

test('errors of the disk are sentences; others stay as they are', () => {
  const error = (code: string) => Object.assign(new Error(code), { code, syscall: 'write' });
  expect((diskError(error('EACCES'), '/c') as Error).message).toBe(
    "The cache '/c' cannot be written to: permission denied; set HF_HOME to a folder that you may write to.",
  );
  expect((diskError(error('EIO'), '/c') as Error).message).toContain('EIO; check the disk');
  const other = new Error('other');
  expect(diskError(other, '/c')).toBe(other);
});
