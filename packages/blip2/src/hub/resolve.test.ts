import { cp, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { inFolder } from '../../test/folders.js';
import { type Behaviour, COMMIT, gitSha1, type HubFile, sha256, startHub, type TestHub } from '../../test/hub.js';
import { HubError } from './errors.js';
import { type ResolveOptions, resolveModel } from './resolve.js';
import type { HubSettings } from './settings.js';
import type { Download } from './snapshot.js';

/** Bytes that are the same in each run and repeat nowhere near. */
const noise = (length: number, seed = 1): Uint8Array => {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state ^ (state >>> 15);
  }
  return new Uint8Array(words.buffer, 0, length);
};

const text = (content: string): HubFile => ({ bytes: Buffer.from(content), large: false });
const large = (bytes: Uint8Array): HubFile => ({ bytes, large: true });
const weights = noise(3_000_001);
const etag = sha256(weights);
const files = (): Map<string, HubFile> =>
  new Map([
    ['config.json', text('{"a": 1}')],
    ['tokenizer.json', text('{}')],
    ['README.md', text('# not needed')],
    ['pytorch_model.bin', large(noise(10))],
    ['qformer_tokenizer/tokenizer.json', text('{"q": 1}')],
    ['model.safetensors', large(weights)],
  ]);

let hub: TestHub;
beforeEach(async () => {
  hub = await startHub(files());
});
afterEach(() => hub.close());

const settings = (cache: string, more: Partial<HubSettings> = {}): Partial<HubSettings> => ({
  endpoint: hub.endpoint,
  cache,
  backOff: 5,
  stall: 2_000,
  token: undefined,
  offline: false,
  ...more,
});
const resolved = (cache: string, options: ResolveOptions = {}, model = 'org/tiny'): Promise<string> =>
  resolveModel(model, { ...options, hub: settings(cache, options.hub) });
const failure = (promise: Promise<unknown>): Promise<HubError> =>
  promise.then(
    () => {
      throw new Error('It should have failed.');
    },
    (error: HubError) => error,
  );

/** Treats the requests for the weights' bytes, counted from 0. */
const ofWeights = (behave: (n: number) => Behaviour | undefined): void => {
  let n = 0;
  hub.behave = ({ server }) => (server === 'storage' ? behave(n++) : undefined);
};
const gets = (): (string | undefined)[] =>
  hub.asked.filter(({ server }) => server === 'storage').map(({ range }) => range);
const blobsIn = (cache: string): string => join(cache, 'models--org--tiny', 'blobs');
const expectWeights = async (folder: string): Promise<void> =>
  expect(sha256(await readFile(join(folder, 'model.safetensors')))).toBe(etag);

describe('a download', () => {
  test('lies in the cache as the usual library lays it out, and has only what is needed', async () => {
    await inFolder(async (cache) => {
      const seen: Download[] = [];
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
      hub.asked.length = 0;
      expect(await resolved(cache)).toBe(folder);
      expect(hub.asked.map(({ path }) => path)).toEqual(['/api/models/org/tiny/revision/main']);
      expect(await resolved(cache, {}, `org/tiny@${COMMIT}`)).toBe(folder);
      expect(hub.asked).toHaveLength(1);
    });
  });

  test('of a newer commit takes what is new and keeps the older one', async () => {
    await inFolder(async (cache) => {
      const old = await resolved(cache);
      hub.commit = 'f'.repeat(40);
      hub.files.set('config.json', text('{"a": 2}'));
      hub.asked.length = 0;
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
      hub.files.delete('model.safetensors');
      hub.files.set('model.safetensors.index.json', text(JSON.stringify(map)));
      for (const [i, shard] of shards.entries()) hub.files.set(shard, large(noise(1000, i + 2)));
      hub.files.set('model-00003-of-00003.safetensors', large(noise(5)));
      const folder = await resolved(cache);
      expect(await readdir(folder)).toEqual(expect.arrayContaining(shards));
      expect(await readdir(folder)).not.toContain('model-00003-of-00003.safetensors');
      expect(await resolved(cache, { hub: { offline: true } })).toBe(folder);
      await rm(join(folder, shards[1]!));
      await expect(resolved(cache, { hub: { offline: true } })).rejects.toThrow('no whole download');
      expect(await resolved(cache)).toBe(folder);
      expect(await readdir(folder)).toContain(shards[1]);
    });
  });

  test('of a branch with slashes has its reference, and is asked for encoded', async () => {
    await inFolder(async (cache) => {
      await resolved(cache, {}, 'org/tiny@refs/pr/1');
      expect(hub.asked[0]!.path).toBe('/api/models/org/tiny/revision/refs%2Fpr%2F1');
      expect(await readFile(join(cache, 'models--org--tiny', 'refs', 'refs', 'pr', '1'), 'utf8')).toBe(COMMIT);
    });
  });
});

describe('what is no name, or not on the hub', () => {
  test('a folder wins, and what can only be a path is given back', async () => {
    await inFolder(async (cache) => {
      for (const path of [cache, './org/tiny', '/a/b', 'a/b/c', 'org/../tiny', 'model.safetensors', 'a b', 'x@../y']) {
        expect(await resolved(cache, {}, path)).toBe(path);
      }
      expect(hub.asked).toEqual([]);
    });
  });

  test.each<[string, Behaviour, string]>([
    ['an unknown name', { status: 401, headers: { 'x-error-code': 'RepoNotFound' } }, 'there is no model'],
    ['404', { status: 404 }, 'check the name, or set HF_TOKEN if it is a private one'],
    ['a gated model', { status: 403, headers: { 'x-error-code': 'GatedRepo' } }, 'accept its terms; do so at http'],
    ['an unknown revision', { status: 404, headers: { 'x-error-code': 'RevisionNotFound' } }, "no revision 'main'"],
    ['418', { status: 418 }, 'answers 418'],
    ['a login page', { bytes: Buffer.from('<html>') }, 'does not answer as a hub of models does'],
    ['an endless answer', { bytes: Buffer.alloc(10_000_001, ' ') }, 'does not answer as a hub'],
    [
      'a commit that leads away',
      { bytes: Buffer.from('{"sha": "../..", "siblings": []}') },
      'does not answer as a hub',
    ],
    ['a redirect to nowhere', { status: 302, headers: { location: 'file:///etc/passwd' } }, 'leads nowhere'],
    ['a circle', { status: 302, headers: { location: '/api/models/org/tiny/revision/main' } }, 'leads nowhere'],
  ])('%s', async (_, behaviour, message) => {
    await inFolder(async (cache) => {
      hub.behave = () => behaviour;
      const error = await failure(resolved(cache));
      expect(error).toBeInstanceOf(HubError);
      expect(error.message).toContain("There is no folder 'org/tiny'");
      expect(error.message).toContain(message);
      expect(error.message.split('\n')).toHaveLength(1);
    });
  });

  test('a gated model whose description is open', async () => {
    await inFolder(async (cache) => {
      hub.behave = ({ path }) =>
        path.includes('/resolve/') ? { status: 401, headers: { 'x-error-code': 'GatedRepo' } } : undefined;
      const message = `'org/tiny' is only for those who accept its terms; do so at ${hub.endpoint}/org/tiny and set HF_TOKEN`;
      await expect(resolved(cache)).rejects.toThrow(message);
    });
  });

  test('a token that may not read, and a gated model with one', async () => {
    await inFolder(async (cache) => {
      hub.behave = () => ({ status: 403 });
      const token = { hub: { token: 'hf_x' } };
      await expect(resolved(cache, token)).rejects.toThrow("refuses HF_TOKEN for 'org/tiny' (403)");
      hub.behave = () => ({ status: 403, headers: { 'x-error-code': 'GatedRepo' } });
      await expect(resolved(cache, token)).rejects.toThrow('with the account that HF_TOKEN belongs to');
    });
  });

  test('no configuration, no weights, only pickled ones', async () => {
    await inFolder(async (cache) => {
      hub.files.delete('model.safetensors');
      await expect(resolved(cache)).rejects.toThrow(
        /only pickled \(pytorch_model\.bin\); .*'blip2 convert FOLDER OUT'/,
      );
      hub.files.delete('pytorch_model.bin');
      await expect(resolved(cache)).rejects.toThrow('has no model.safetensors');
      hub.files.delete('config.json');
      await expect(resolved(cache)).rejects.toThrow('has no config.json');
    });
  });

  test('names that lead out of the cache are not followed', async () => {
    await inFolder(async (cache) => {
      hub.files.set('../../../../out.json', text('{}'));
      await resolved(join(cache, 'a', 'b'));
      expect(hub.asked.map(({ path }) => path).filter((path) => path.includes('out'))).toEqual([]);
      hub.files.delete('model.safetensors');
      hub.commit = 'e'.repeat(40);
      for (const path of ['../../../../out.safetensors', '/out.safetensors', 'gone.safetensors', 'config.json']) {
        hub.files.set('model.safetensors.index.json', text(JSON.stringify({ weight_map: { a: path } })));
        if (path.includes('out')) hub.files.set(path, text('out'));
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
        new Set(hub.asked.filter((asked) => asked.server === server).map(({ authorization }) => authorization));
      expect(sent('hub')).toEqual(new Set(['Bearer hf_secret']));
      expect(sent('storage')).toEqual(new Set([undefined]));
    });
  });
});

describe('a connection that is cut', () => {
  test('goes on where it was', async () => {
    await inFolder(async (cache) => {
      ofWeights((n) => (n < 3 ? { cutAfter: 500_000 } : undefined));
      await expectWeights(await resolved(cache));
      expect(gets()).toEqual([undefined, 'bytes=500000-', 'bytes=1000000-', 'bytes=1500000-']);
    });
  });

  test('more than five times in a row is told; what came is kept for the next run', async () => {
    await inFolder(async (cache) => {
      ofWeights((n) => ({ cutAfter: n === 0 ? 70_000 : 10 }));
      await expect(resolved(cache)).rejects.toThrow(/The connection to 127\.0\.0\.1:\d+ broke: .*; try again/);
      expect(gets()).toHaveLength(5);
      expect(await readdir(blobsIn(cache))).toContain(`${etag}.incomplete`);
      expect(await readdir(join(cache, 'models--org--tiny'))).not.toContain('refs');
      ofWeights(() => undefined);
      hub.asked.length = 0;
      await expectWeights(await resolved(cache));
      expect(gets()).toEqual(['bytes=70040-']);
      expect(await readdir(blobsIn(cache))).not.toContain(`${etag}.incomplete`);
    });
  });

  test('by silence', async () => {
    await inFolder(async (cache) => {
      ofWeights((n) => (n === 0 ? { stallAfter: 100_000 } : undefined));
      await expectWeights(await resolved(cache, { hub: { stall: 200 } }));
      expect(gets()).toEqual([undefined, 'bytes=100000-']);
    });
  });

  test('and a server that knows no ranges begins anew', async () => {
    await inFolder(async (cache) => {
      ofWeights((n) => ({ ignoreRange: true, ...(n === 0 && { cutAfter: 500_000 }) }));
      await expectWeights(await resolved(cache));
      expect(gets()).toEqual([undefined, 'bytes=500000-']);
    });
  });

  test('busy servers are asked again', async () => {
    await inFolder(async (cache) => {
      let n = 0;
      hub.behave = () => [{ status: 429, headers: { 'retry-after': '0' } }, { status: 503 }][n++];
      await expectWeights(await resolved(cache));
      hub.behave = () => ({ status: 429 });
      await expect(resolved(join(cache, 'other'))).rejects.toThrow('gets too many requests (429); try again later');
    });
  });

  test('the signal stops it, and what came is kept', async () => {
    await inFolder(async (cache) => {
      hub.behave = ({ server }) => (server === 'storage' ? { slow: 5 } : undefined);
      const control = new AbortController();
      const onDownload = ({ done }: Download): void => {
        if (done > 1e6) control.abort(new Error('enough'));
      };
      await expect(resolved(cache, { signal: control.signal, onDownload })).rejects.toThrow('enough');
      const left = await lstat(join(blobsIn(cache), `${etag}.incomplete`));
      expect(left.size).toBeGreaterThan(9e5);
      expect(left.size).toBeLessThan(weights.length);
    });
  });
});

describe('a hub that lies', () => {
  const left = async (cache: string): Promise<string[]> =>
    (await readdir(blobsIn(cache))).filter((name) => name.startsWith(etag) || name.endsWith('.incomplete'));

  test.each<[string, Behaviour, Behaviour, string]>([
    ['of the size, too small', { size: 1000 }, {}, 'has 3,000,001 bytes, and 1,000 bytes were announced'],
    ['of the size, too large', { size: 4_000_000 }, {}, 'has 3,000,001 bytes, and 4,000,000 bytes were announced'],
    ['and sends for ever', { size: 1000 }, { chunked: true }, 'is longer than 1,000 bytes'],
    ['and sends too little', { size: 4_000_000 }, { chunked: true }, 'ends after 3,000,001 bytes'],
    ['of the content', {}, { bytes: noise(weights.length, 9) }, `does not have the checksum ${etag.slice(0, 12)}…`],
  ])('%s', async (_, said, sent, message) => {
    await inFolder(async (cache) => {
      hub.behave = ({ server, path }) =>
        server === 'storage' ? sent : path.includes('safetensors') ? said : undefined;
      const error = await failure(resolved(cache));
      expect(error.message).toContain(message);
      expect(error.message).toMatch(/^'model\.safetensors' of 'org\/tiny' .*; it was removed, download it again from/);
      expect(await left(cache)).toEqual([]);
      hub.behave = () => undefined;
      await expectWeights(await resolved(cache));
    });
  });

  test('of a small file', async () => {
    await inFolder(async (cache) => {
      hub.behave = ({ path, method }) =>
        path.endsWith('/config.json') && method === 'GET' ? { bytes: Buffer.from('{"a": 9}') } : undefined;
      await expect(resolved(cache)).rejects.toThrow("'config.json' of 'org/tiny' does not have the checksum");
      hub.behave = ({ path }) => (path.endsWith('/config.json') ? { chunked: true, bytes: noise(2e6) } : undefined);
      await expect(resolved(cache)).rejects.toThrow("'config.json' of 'org/tiny' is longer than 1,000,000 bytes");
      hub.behave = ({ path }) => (path.endsWith('/config.json') ? { bytes: noise(2e6) } : undefined);
      await expect(resolved(cache)).rejects.toThrow("announces 2,000,000 bytes for 'config.json'");
      hub.behave = ({ path }) => (path.endsWith('/config.json') ? { chunked: true } : undefined);
      await resolved(cache);
    });
  });

  test('of the room that a file takes', async () => {
    await inFolder(async (cache) => {
      hub.behave = ({ path }) => (path.includes('safetensors') ? { size: 9e14 } : undefined);
      await expect(resolved(cache)).rejects.toThrow(/^900000\.0 GB are needed and [\d.]+ GB are free in the cache/);
    });
  });

  test.each<[string, string]>([
    ['etag', '../../../out'],
    ['no etag', ''],
  ])('an unusable %s is refused', async (_, said) => {
    await inFolder(async (cache) => {
      hub.behave = ({ path }) => (path.endsWith('config.json') ? { etag: said } : undefined);
      await expect(resolved(cache)).rejects.toThrow("names no ETag for 'config.json'");
    });
  });

  test('a file that changes meanwhile is begun anew; one that always does is told', async () => {
    await inFolder(async (cache) => {
      const next = noise(3_000_000, 7);
      ofWeights((n) => {
        if (n === 0) hub.files.set('model.safetensors', large(next)); // between the first part and the next
        return n === 0 ? { cutAfter: 500_000 } : undefined;
      });
      const folder = await resolved(cache);
      expect(sha256(await readFile(join(folder, 'model.safetensors')))).toBe(sha256(next));
      expect(gets()).toEqual([undefined, 'bytes=500000-', undefined]);
      expect(await left(cache)).toEqual([]);
      let n = 0;
      hub.behave = ({ path }) => (path.endsWith('safetensors') ? { etag: sha256(noise(4, ++n)) } : undefined);
      await expect(resolved(join(cache, 'other'))).rejects.toThrow('changes while it is downloaded');
    });
  });

  test('a damaged beginning from an earlier run is thrown away once', async () => {
    await inFolder(async (cache) => {
      await mkdir(blobsIn(cache), { recursive: true });
      await writeFile(join(blobsIn(cache), `${etag}.incomplete`), new Uint8Array(1_000_000));
      await expectWeights(await resolved(cache));
      expect(gets()).toEqual(['bytes=1000000-', undefined]);
    });
  });
});

describe('without the hub', () => {
  test('what was downloaded is used, and a note says why', async () => {
    await inFolder(async (cache) => {
      const folder = await resolved(cache);
      const notes: string[] = [];
      const onNote = (note: string): void => void notes.push(note);
      hub.behave = () => ({ status: 503 });
      expect(await resolved(cache, { onNote })).toBe(folder);
      await hub.close();
      expect(await resolved(cache, { onNote })).toBe(folder);
      expect(notes).toEqual([
        expect.stringMatching(/is in trouble \(503\); try again later\. What was downloaded before is used\.$/),
        expect.stringMatching(/cannot be reached: it refuses the connection; .* is used\.$/),
      ]);
      expect(await resolved(cache, { onNote, hub: { offline: true } })).toBe(folder);
      expect(notes).toHaveLength(2);
    });
  });

  test('and without a download, both are told', async () => {
    await inFolder(async (cache) => {
      const offline = "There is no folder 'org/tiny', and there is no whole download of that name in the cache";
      await expect(resolved(cache, { hub: { offline: true } })).rejects.toThrow(offline);
      expect(hub.asked).toEqual([]);
      await hub.close();
      await expect(resolved(cache)).rejects.toThrow(
        /There is no folder 'org\/tiny', and http.* refuses the connection/,
      );
    });
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
        'a part of its path is no folder; set HF_HOME',
      );
    });
  });
});

test('two at once have the same folder and one download', async () => {
  await inFolder(async (cache) => {
    hub.behave = ({ server }) => (server === 'storage' ? { slow: 5 } : undefined);
    const folders = await Promise.all([resolved(cache), resolved(cache)]);
    expect(folders[0]).toBe(folders[1]);
    await expectWeights(folders[0]!);
    expect((await readdir(blobsIn(cache))).filter((name) => name.endsWith('incomplete'))).toEqual([]);
  });
});
