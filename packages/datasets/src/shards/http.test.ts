import { expect, test } from '@jest/globals';
import { openDataset } from '../open.js';
import { drawImage, readAll } from '../test-support/files.js';
import { type Faults, withServer } from '../test-support/server.js';
import { numbered } from '../test-support/shards.js';

const http = { timeout: 300, retryDelay: 1, retries: 3 };

/** All ids of two shards on a server with faults, and its requests. */
const served = (faults: Faults, options: Parameters<typeof openDataset>[1] = {}) =>
  withServer(async ({ url, files, faults: live, requests }) => {
    files.set('/data/000.tar', await numbered(0, 6));
    files.set('/data/001.tar', await numbered(6, 8));
    Object.assign(live, faults);
    const data = await openDataset(`${url}/data/{000..001}.tar?token=1`, { http, ...options });
    const { ids } = await readAll(data);
    return { ids, requests, fingerprint: data.fingerprint, name: data.name };
  });

const all = [0, 1, 2, 3, 4, 5].map((i) => `000.tar/000${i}`).concat('001.tar/0006', '001.tar/0007');

test('shards stream over http', async () => {
  const { ids, requests, name, fingerprint } = await served({});
  expect(ids).toEqual(all);
  expect(name).toBe('{000..001}.tar');
  expect([...requests].sort()).toEqual([
    'GET /data/000.tar',
    'GET /data/001.tar',
    'HEAD /data/000.tar',
    'HEAD /data/001.tar',
  ]);
  expect((await served({})).fingerprint).toBe(fingerprint);
});

test('a connection that breaks is continued where it broke off', async () => {
  const { ids, requests } = await served({ breakAfter: 3000, breaks: 3 });
  expect(ids).toEqual(all);
  expect(requests.filter((line) => line.includes('bytes=')).length).toBe(3);
});

test.each<[string, Faults]>([
  ['ranges', { breakAfter: 3000, breaks: 2, noRange: true }],
  ['lengths', { chunked: true, breakAfter: 3000, breaks: 2 }],
  ['HEAD', { noHead: true }],
  ['answers at first', { busy: { status: 503, times: 3 } }],
])('a server without %s', async (_, faults) => {
  expect((await served(faults)).ids).toEqual(all);
});

test('what cannot be fetched is one sentence', async () => {
  await expect(served({ stallAfter: 0 })).rejects.toThrow(
    /The connection to http.* broke \(no data came for 300 ms\); try again\.$/,
  );
  await expect(served({ busy: { status: 503, times: 99 } })).rejects.toThrow(/answers 503; try again later\.$/);
  await expect(served({ busy: { status: 403, times: 99 } })).rejects.toThrow(
    /answers 403; check the address and who may read it\.$/,
  );
  await expect(served({ breakAfter: 10, breaks: 99, noRange: true })).rejects.toThrow(/broke \(.+\); try again\.$/);
  await expect(served({}, { http: { ...http, maxBytes: 5000 } })).rejects.toThrow(
    /bytes, more than 5000; allow more, or split it\.$/,
  );
  await expect(served({ chunked: true }, { http: { ...http, maxBytes: 5000 } })).rejects.toThrow(
    /has more than 5000 bytes;/,
  );
  const closed = await withServer(async ({ url }) => url);
  await expect(openDataset(`${closed}/a.tar`, { http })).rejects.toThrow(/cannot be reached \(ECONNREFUSED\)/);
  await withServer(async ({ url }) => {
    await expect(openDataset(`${url}/none.tar`, { http })).rejects.toThrow(
      `${url}/none.tar answers 404; check the address.`,
    );
  });
});

test('a file that changes while it is read is an error', () =>
  withServer(async ({ url, files, faults }) => {
    files.set('/a.tar', await numbered(0, 20));
    const data = await openDataset(`${url}/a.tar`, { http });
    const other = await numbered(5, 25);
    Object.assign(faults, { breakAfter: 3000, breaks: 1, onBreak: () => files.set('/a.tar', other) });
    await expect(readAll(data)).rejects.toThrow('has changed while it was read; start again.');
  }));

test('items that are kept are read by ranges', () =>
  withServer(async ({ url, files, faults, requests }) => {
    files.set('/a.tar', await numbered(0, 20));
    const { items } = await readAll(await openDataset(`${url}/a.tar`, { http }));
    const before = requests.length;
    expect(await items[3]!.read()).toEqual(await drawImage('x.jpg', 1));
    expect(requests.slice(before)).toEqual([expect.stringMatching(/^GET \/a\.tar bytes=\d+-\d+$/)]);
    faults.noRange = true;
    await expect(items[3]!.read()).rejects.toThrow('/a.tar is not sent in parts; download it first.');
    faults.noRange = false;
    files.set('/a.tar', await numbered(5, 25));
    await expect(items[3]!.read()).rejects.toThrow('/a.tar has changed while it was read; start again.');
  }));

test('a pass over http can be ended', () =>
  withServer(async ({ url, files }) => {
    files.set('/a.tar', await numbered(0, 20));
    const data = await openDataset(new URL(`${url}/a.tar`), { http });
    for await (const { id } of data.items()) {
      expect(id).toBe('a.tar/0000');
      break;
    }
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(readAll(data, { signal })).rejects.toThrow('enough');
    await expect(openDataset(`${url}/a.tar`, { http, signal })).rejects.toThrow('enough');
  }));
