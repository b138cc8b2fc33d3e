import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { isPublicAddress } from './addresses.js';
import { fetchImage, type RemoteOptions } from './remote.js';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Starts a server on this machine. @returns its port */
async function start(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const options: RemoteOptions = { maxBytes: 1000, seconds: 5, signal: new AbortController().signal };
/** What resolves every name to this machine and takes it for a public one. */
const local: RemoteOptions = { ...options, allows: (one) => one === '127.0.0.1', resolve: async () => ['127.0.0.1'] };

test.each([
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['172.16.0.1', false],
  ['192.168.1.1', false],
  ['169.254.169.254', false],
  ['100.64.0.1', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['198.18.0.1', false],
  ['::1', false],
  ['::', false],
  ['fe80::1', false],
  ['fc00::1', false],
  ['::ffff:127.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['64:ff9b::7f00:1', false],
  ['2002:7f00:1::', false],
  ['not an address', false],
  ['93.184.216.34', true],
  ['2606:4700::1111', true],
  ['::ffff:93.184.216.34', true],
])('%s is public: %s', (address, expected) => {
  expect(isPublicAddress(address)).toBe(expected);
});

test('bytes come from the address that was checked, also after redirects', async () => {
  const port = await start((request, response) => {
    if (request.url === '/a.png') response.writeHead(302, { location: '/b.png' }).end();
    else response.end(`image of ${request.headers.host}`);
  });
  const bytes = await fetchImage(`http://pictures.test:${port}/a.png`, local);
  expect(Buffer.from(bytes).toString()).toBe(`image of pictures.test:${port}`);
});

test.each([
  'http://127.0.0.1/a.png',
  'http://2130706433/',
  'http://0x7f.1/',
  'http://[::1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://169.254.169.254/latest/meta-data/',
  'https://10.0.0.1/',
])('%s is not fetched', async (url) => {
  await expect(fetchImage(url, options)).rejects.toThrow('not of the public internet');
});

test('a name is not fetched when one of its addresses is private, nor a redirect to such a name or address', async () => {
  let requests = 0;
  const port = await start((request, response) => {
    requests++;
    const target = request.url === '/name' ? `http://inside.test:${port}/secret` : `http://127.0.0.2:${port}/secret`;
    response.writeHead(307, { location: target }).end();
  });
  const resolve = async (name: string) => (name === 'inside.test' ? ['127.0.0.1', '10.0.0.7'] : ['127.0.0.1']);
  const some: RemoteOptions = { ...local, resolve };
  await expect(fetchImage(`http://inside.test:${port}/`, some)).rejects.toThrow('not of the public internet');
  expect(requests).toBe(0);
  for (const path of ['name', 'address']) {
    await expect(fetchImage(`http://outside.test:${port}/${path}`, some)).rejects.toThrow('not of the public internet');
  }
  expect(requests).toBe(2);
});

test.each<[name: string, listener: RequestListener, message: RegExp]>([
  ['a loop', (request, response) => response.writeHead(302, { location: request.url }).end(), /more than 3 others/],
  [
    'another scheme',
    (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
    /no address of http/,
  ],
  [
    'no address',
    (_, response) => response.writeHead(302, { location: 'http://' }).end(),
    /redirects to what is no address/,
  ],
  ['an error', (_, response) => response.writeHead(500).end(), /status 500/],
  ['many bytes, announced', (_, response) => response.end(Buffer.alloc(1001)), /more than the 1000 bytes/],
  [
    'many bytes, not announced',
    (_, response) => {
      response.write(Buffer.alloc(600));
      response.end(Buffer.alloc(600));
    },
    /more than the 1000 bytes/,
  ],
  ['a broken connection', (request) => request.socket.destroy(), /cannot be fetched/],
])('%s is refused', async (_, listener, message) => {
  const port = await start(listener);
  await expect(fetchImage(`http://pictures.test:${port}/`, local)).rejects.toThrow(message);
});

test('what is slow is given up, and so is what nobody waits for', async () => {
  const port = await start((_, response) => {
    response.write('x');
  });
  const url = `http://pictures.test:${port}/`;
  await expect(fetchImage(url, { ...local, seconds: 0.1 })).rejects.toThrow('did not come within 0.1 seconds');
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('gone')), 50);
  await expect(fetchImage(url, { ...local, signal: controller.signal })).rejects.toThrow('gone');
  await expect(fetchImage('http://me:secret@pictures.test/', local)).rejects.toThrow('user name or password');
});
