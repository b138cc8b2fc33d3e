import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { urlFolder } from './url.js';

const weights = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 251);
let server: Server;
let base: URL;
let behavior: { ranges: boolean; head: boolean; etag: string };
let asked: string[];
beforeAll(async () => {
  server = createServer(({ method, url, headers }, response) => {
    asked.push(`${method} ${url} ${headers.range ?? 'whole'}`);
    const path = (url as string).split('/').at(-1);
    if (method === 'HEAD' && !behavior.head) return response.writeHead(405).end();
    if (path === 'page.json') return response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
    if (path === 'config.json') return response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":1}');
    if (path === 'broken.bin') return response.writeHead(403).end();
    if (path !== 'w%20x.safetensors') return response.writeHead(404).end();
    const [, from, to] = (behavior.ranges && /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '')) || [];
    const body = from === undefined ? weights : weights.subarray(Number(from), Number(to) + 1);
    const place = `bytes ${from}-${to}/${weights.length}`;
    response.writeHead(from === undefined ? 200 : 206, {
      etag: behavior.etag,
      'content-length': body.length,
      ...(from !== undefined && { 'content-range': place }),
    });
    response.end(method === 'HEAD' ? undefined : body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/models`);
});
beforeEach(() => {
  behavior = { ranges: true, head: true, etag: 'a' };
  asked = [];
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

test('files are distinguished from folders by their names, and a JSON file is requested once', async () => {
  const folder = urlFolder(base);
  expect(await folder.status('')).toMatchObject({ kind: 'folder' });
  expect(await folder.status('stage1')).toMatchObject({ kind: 'folder' });
  expect(await folder.status('config.json')).toMatchObject({ kind: 'file', size: 7 });
  const source = await folder.open('config.json');
  expect(new TextDecoder().decode(await source.read(0, 100))).toBe('{"a":1}');
  expect(await folder.status('none.json')).toBeUndefined();
  expect(await folder.status('none.safetensors')).toBeUndefined();
  expect(await folder.status('page.json')).toBeUndefined(); // as servers of single pages answer
  expect(asked.filter((one) => one.includes('config.json'))).toEqual(['GET /models/config.json whole']);
  await expect(folder.status('broken.bin')).rejects.toThrow('broken.bin was answered with 403');
});

test.each([
  [true, true],
  [true, false],
  [false, true],
])('reads are those of the file: ranges %p, HEAD %p', async (ranges, head) => {
  behavior = { ...behavior, ranges, head };
  const source = await urlFolder(base).open('w x.safetensors');
  expect(source.size).toBe(weights.length);
  const reads = fc.array(fc.tuple(fc.nat(weights.length), fc.nat(200_000)), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(reads, async (list) => {
      for (const [offset, length] of list) {
        const bytes = await source.read(offset, length);
        expect(Buffer.compare(bytes, weights.subarray(offset, offset + length))).toBe(0);
      }
    }),
    { numRuns: 10, seed: 7 },
  );
  await source.close();
});

test('small reads share a request, and the first are of the header alone', async () => {
  const source = await urlFolder(base).open('w x.safetensors');
  for (let at = 0; at < 1000; at += 100) await source.read(at, 100);
  expect(asked).toEqual(['HEAD /models/w%20x.safetensors whole', 'GET /models/w%20x.safetensors bytes=0-131071']);
  await source.read(200_000, 10);
  expect(asked).toHaveLength(3);
});

test('a file that changes while it is read is an error', async () => {
  const source = await urlFolder(base).open('w x.safetensors');
  await source.read(0, 8);
  behavior.etag = 'b';
  await expect(source.read(250_000, 8)).rejects.toThrow('changed while it was read; load the model again');
});

test('files that a bundler has renamed are found by their paths, and no other is asked for', async () => {
  const files = new Map([['vision/config.json', new URL(`${base.href}/config.json`)]]);
  const folder = urlFolder(base, { files });
  expect(await folder.status('vision')).toMatchObject({ kind: 'folder' });
  expect(await folder.status('vision/config.json')).toMatchObject({ kind: 'file', size: 7 });
  expect(await folder.status('vision/adapter_config.json')).toBeUndefined();
  expect(await folder.status('config.json')).toBeUndefined();
  expect(asked).toEqual(['GET /models/config.json whole']);
});
