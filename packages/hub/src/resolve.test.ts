import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import type { Behavior } from '@blip2/testing/hub';
import { describe, expect, test } from '@jest/globals';
import { failure, text, tinyHub } from '../test/tiny-hub.js';
import { HubError } from './errors.js';

const tiny = tinyHub();
const { resolved } = tiny;

describe('what is no name, or not on the hub', () => {
  test('a folder wins, and what can only be a path is given back', async () => {
    await inFolder(async (cache) => {
      for (const path of [cache, './org/tiny', '/a/b', 'a/b/c', 'org/../tiny', 'model.safetensors', 'a b', 'x@../y']) {
        expect(await resolved(cache, {}, path)).toBe(path);
      }
      expect(tiny.hub.asked).toEqual([]);
    });
  });

  test.each<[string, Behavior, string]>([
    ['an unknown name', { status: 401, headers: { 'x-error-code': 'RepoNotFound' } }, 'there is no model'],
    ['404', { status: 404 }, 'check the name, or set HF_TOKEN if it is a private one'],
    ['a gated model', { status: 403, headers: { 'x-error-code': 'GatedRepo' } }, 'accept its terms; do so at http'],
    ['an unknown revision', { status: 404, headers: { 'x-error-code': 'RevisionNotFound' } }, "no revision 'main'"],
    ['418', { status: 418 }, 'answers 418'],
    ['a login page', { bytes: Buffer.from('<html>') }, 'does not answer as a model hub does'],
    ['an endless answer', { bytes: Buffer.alloc(10_000_001, ' ') }, 'does not answer as a model hub does'],
    [
      'a commit that leads away',
      { bytes: Buffer.from('{"sha": "../..", "siblings": []}') },
      'does not answer as a model hub does',
    ],
    [
      'a redirect to nowhere',
      { status: 302, headers: { location: 'file:///etc/passwd' } },
      'redirects to no valid address',
    ],
    [
      'a circle',
      { status: 302, headers: { location: '/api/models/org/tiny/revision/main' } },
      'redirects to no valid address',
    ],
  ])('%s', async (_, behavior, message) => {
    await inFolder(async (cache) => {
      tiny.hub.behave = () => behavior;
      const error = await failure(resolved(cache));
      expect(error).toBeInstanceOf(HubError);
      expect(error.message).toContain("There is no folder 'org/tiny'");
      expect(error.message).toContain(message);
      expect(error.message.split('\n')).toHaveLength(1);
    });
  });

  test('a gated model whose description is open', async () => {
    await inFolder(async (cache) => {
      tiny.hub.behave = ({ path }) =>
        path.includes('/resolve/') ? { status: 401, headers: { 'x-error-code': 'GatedRepo' } } : undefined;
      const message = `'org/tiny' is only for those who accept its terms; do so at ${tiny.hub.endpoint}/org/tiny and set HF_TOKEN`;
      await expect(resolved(cache)).rejects.toThrow(message);
    });
  });

  test('a token that may not read, and a gated model with one', async () => {
    await inFolder(async (cache) => {
      tiny.hub.behave = () => ({ status: 403 });
      const token = { hub: { token: 'hf_x' } };
      await expect(resolved(cache, token)).rejects.toThrow("refuses HF_TOKEN for 'org/tiny' (403)");
      tiny.hub.behave = () => ({ status: 403, headers: { 'x-error-code': 'GatedRepo' } });
      await expect(resolved(cache, token)).rejects.toThrow('with the account that HF_TOKEN belongs to');
    });
  });

  test('no configuration, no weights, only pickled ones', async () => {
    await inFolder(async (cache) => {
      tiny.hub.files.delete('model.safetensors');
      await expect(resolved(cache)).rejects.toThrow(
        /only pickled weights \(pytorch_model\.bin\); .*'blip2 convert FOLDER OUT'/,
      );
      tiny.hub.files.delete('pytorch_model.bin');
      await expect(resolved(cache)).rejects.toThrow('has no model.safetensors');
      tiny.hub.files.delete('config.json');
      await expect(resolved(cache)).rejects.toThrow('has no config.json');
    });
  });

  test('names that lead out of the cache are not followed', async () => {
    await inFolder(async (cache) => {
      tiny.hub.files.set('../../../../out.json', text('{}'));
      await resolved(join(cache, 'a', 'b'));
      expect(tiny.hub.asked.map(({ path }) => path).filter((path) => path.includes('out'))).toEqual([]);
      tiny.hub.files.delete('model.safetensors');
      tiny.hub.commit = 'e'.repeat(40);
      for (const path of ['../../../../out.safetensors', '/out.safetensors', 'gone.safetensors', 'config.json']) {
        tiny.hub.files.set('model.safetensors.index.json', text(JSON.stringify({ weight_map: { a: path } })));
        if (path.includes('out')) tiny.hub.files.set(path, text('out'));
        await expect(resolved(join(cache, 'a', String(path.length)))).rejects.toThrow(/names ".*", which is not among/);
      }
      expect(await readdir(cache)).toEqual(['a']);
    });
  });
});

describe('the token', () => {
  test('goes to the hub and nowhere else', async () => {
    await inFolder(async (cache) => {
      await resolved(cache, { hub: { token: 'hf_secret' } });
      const sent = (server: string): Set<string | undefined> =>
        new Set(tiny.hub.asked.filter((asked) => asked.server === server).map(({ authorization }) => authorization));
      expect(sent('hub')).toEqual(new Set(['Bearer hf_secret']));
      expect(sent('storage')).toEqual(new Set([undefined]));
    });
  });
});

describe('without the hub', () => {
  test('what was downloaded is used, and a note says why', async () => {
    await inFolder(async (cache) => {
      const folder = await resolved(cache);
      const notes: string[] = [];
      const onNote = (note: string): void => void notes.push(note);
      tiny.hub.behave = () => ({ status: 503 });
      expect(await resolved(cache, { onNote })).toBe(folder);
      await tiny.hub.close();
      expect(await resolved(cache, { onNote })).toBe(folder);
      expect(notes).toEqual([
        expect.stringMatching(/has a server error \(503\); try again later\. The earlier download is used\.$/),
        expect.stringMatching(/cannot be reached: it refuses the connection; .* is used\.$/),
      ]);
      expect(await resolved(cache, { onNote, hub: { offline: true } })).toBe(folder);
      expect(notes).toHaveLength(2);
    });
  });

  test('and without a download, both are told', async () => {
    await inFolder(async (cache) => {
      const offline = "There is no folder 'org/tiny', and there is no complete download of that name in the cache";
      await expect(resolved(cache, { hub: { offline: true } })).rejects.toThrow(offline);
      expect(tiny.hub.asked).toEqual([]);
      await tiny.hub.close();
      await expect(resolved(cache)).rejects.toThrow(
        /There is no folder 'org\/tiny', and http.* refuses the connection/,
      );
    });
  });
});
