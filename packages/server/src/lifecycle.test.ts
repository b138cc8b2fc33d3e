import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import sharp from 'sharp';
import { dataUrl, disc, type ErrorBody, post, serve, type TestServer, withImage } from '../test/serve.js';

jest.setTimeout(120_000);

let server: TestServer;
let image: string;
const limits = {
  bodyBytes: 300_000,
  pixels: 1_000_000,
  bodySeconds: 0.5,
  headerSeconds: 1,
  queue: 2,
  batch: 2,
  requestSeconds: 60,
};

beforeAll(async () => {
  image = dataUrl(await disc('red'));
  server = await serve({ limits });
});
afterAll(async () => {
  await server.close();
  expect(server.errors).toEqual([]);
});

const caption = (url: string, more: object = {}) => ({ model: 'blip2-starter', messages: [withImage(url)], ...more });
/** A caption that takes seconds if nothing stops it. */
const long = { num_beams: 16, min_tokens: 60, max_tokens: 60 };
const health = async () =>
  (await fetch(`${server.url}/health`)).json() as Promise<{ waiting: number; running: number }>;

/** Waits until a value is as it should be. */
async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await check()) return;
    await sleep(25);
  }
  throw new Error('It did not come to be.');
}

/** Sends bytes, perhaps in parts, and reads the status line of what comes. */
async function raw(...parts: (string | number)[]): Promise<string> {
  const socket = connect(server.port, '127.0.0.1').on('error', () => {});
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes;
  });
  const closed = once(socket, 'close');
  for (const part of parts) {
    if (typeof part === 'number') await sleep(part);
    else socket.write(part);
  }
  await closed;
  return text.split('\r\n')[0]!;
}

test('a client that closes the connection stops what is computed for it, and /health answers meanwhile', async () => {
  const controller = new AbortController();
  const body = JSON.stringify(caption(image, { ...long, max_tokens: 100, min_tokens: 100 }));
  const headers = { 'content-type': 'application/json' };
  const signal = controller.signal;
  const gone = fetch(`${server.api}/chat/completions`, { method: 'POST', headers, body, signal });
  gone.catch(() => {});
  await until(async () => (await health()).running === 1);
  const start = performance.now();
  await health();
  expect(performance.now() - start).toBeLessThan(1000);
  controller.abort();
  await expect(gone).rejects.toThrow();
  await until(async () => (await health()).running === 0);
  const record = server.records.find(({ path }) => path.startsWith('/v1'))!;
  expect(record).toMatchObject({ status: 499, batch: 1 });
  expect(record).not.toHaveProperty('tokens');
});

test('more requests than may wait get status 429 with Retry-After, and the others their captions', async () => {
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => post(`${server.api}/chat/completions`, caption(image, { max_tokens: 30 }))),
  );
  const statuses = answers.map(({ status }) => status).sort();
  expect(statuses.slice(0, 3)).toEqual([200, 200, 200]);
  expect(statuses.at(-1)).toBe(429);
  const busy = answers.find(({ status }) => status === 429)!;
  expect(Number(busy.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
});

test('the time of a request is limited', async () => {
  const hurried = await serve({ limits: { requestSeconds: 0.4 } });
  try {
    const { status, json } = await post<ErrorBody>(`${hurried.api}/chat/completions`, caption(image, long));
    expect([status, json.error.message]).toEqual([504, 'The answer did not come within 0.4 seconds.']);
    const again = await post(`${hurried.api}/chat/completions`, caption(image, { num_beams: 1, max_tokens: 1 }));
    expect([200, 504]).toContain(again.status);
    expect(hurried.errors).toEqual([]);
  } finally {
    await hurried.close();
  }
});

test('images that are broken, cut, too large, bombs or markup get status 400', async () => {
  const png = await disc('blue');
  const many = await sharp({ create: { width: 8000, height: 8000, channels: 3, background: 'white' } })
    .png()
    .toBuffer();
  expect(many.length).toBeLessThan(300_000); // 192 MB of pixels
  const gif = Buffer.from('474946383961ffffffff800000ffffff0000002c00000000ffffffff000002024401003b', 'hex');
  const bmp = Buffer.alloc(54);
  bmp.write('BM');
  bmp.writeUInt32LE(54, 10);
  bmp.writeUInt32LE(40, 14);
  bmp.writeInt32LE(60_000, 18);
  bmp.writeInt32LE(60_000, 22);
  bmp.writeUInt16LE(1, 26);
  bmp.writeUInt16LE(24, 28);
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
  const wrong: [bytes: Buffer, message: RegExp][] = [
    [Buffer.from('no image'), /not an image that can be read/],
    [png.subarray(0, png.length / 2), /not an image that can be read/],
    [many, /8000 x 8000 pixels, more than the limit/],
    [gif, /65535 x 65535 pixels, more than the limit/],
    [bmp, /60000 x 60000 pixels, more than the limit/],
    [svg, /An SVG is not an image/],
    [Buffer.concat([Buffer.from('\ufeff \n'), svg]), /An SVG is not an image/],
  ];
  for (const [bytes, message] of wrong) {
    const { status, json } = await post<ErrorBody>(`${server.api}/chat/completions`, caption(dataUrl(bytes)));
    expect(status).toBe(400);
    expect(json.error.message).toMatch(message);
  }
});

test('bodies that are too large, too slow, no JSON or of another type have their status', async () => {
  const large = await post(`${server.api}/chat/completions`, 'x'.repeat(300_001)).catch(() => undefined);
  expect(large?.status ?? 413).toBe(413);
  const request = 'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n';
  expect(await raw(`${request}content-length: 999999\r\n\r\n`)).toBe('HTTP/1.1 413 Payload Too Large');
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
  const chunked = `${request}transfer-encoding: chunked\r\n\r\n`;
  expect(await raw(chunked, ...new Array(6).fill(chunk))).toBe('HTTP/1.1 413 Payload Too Large');
  expect(await raw(`${request}content-length: 100\r\n\r\n{`, 600, '}')).toBe('HTTP/1.1 408 Request Timeout');
  expect(await raw('POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n')).toBe('HTTP/1.1 408 Request Timeout');
  expect(await raw('nonsense\r\n\r\n')).toBe('HTTP/1.1 400 Bad Request');
  const statusOf = async (body: string, type: string) =>
    (await fetch(`${server.api}/rerank`, { method: 'POST', headers: { 'content-type': type }, body })).status;
  expect(await statusOf('{', 'application/json')).toBe(400);
  expect(await statusOf('\xff', 'application/json; charset=utf-8')).toBe(400);
  expect(await statusOf('{}', 'text/plain')).toBe(415);
  expect(await statusOf('[]', 'application/json')).toBe(400);
});

test('other paths and methods have their status, the files of the page may be isolated, and /about says what there is', async () => {
  const of = async (path: string, method = 'GET') => await fetch(`${server.url}${path}`, { method });
  expect((await of('/v1/nothing')).status).toBe(404);
  expect((await of('/../../etc/passwd')).status).toBe(404);
  const wrong = await of('/v1/chat/completions');
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
  expect((await of('/search?q=a')).status).toBe(404);
  expect((await of('/')).headers.get('content-type')).toContain('text/html'); // the web page, where it is built
  const file = await of('/starter/blip2/stage2/config.json');
  expect(await file.json()).toHaveProperty('model_type', 'blip-2');
  const isolation = ['cross-origin-opener-policy', 'cross-origin-embedder-policy'].map((name) =>
    file.headers.get(name),
  );
  expect(isolation).toEqual(['same-origin', 'require-corp']);
  const page = await of('/about');
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(await page.text()).toContain('POST /v1/chat/completions');
});

test('the metrics count requests, batches and tokens, in the format of Prometheus', async () => {
  await until(() => server.records.length > 0);
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const counted = /^blip2_requests_total\{route="\/v1\/chat\/completions",status="200"\} (\d+)$/m.exec(text);
  const of = (status: number) =>
    server.records.filter((one) => one.path === '/v1/chat/completions' && one.status === status).length;
  expect(Number(counted?.[1])).toBe(of(200));
  expect(text).toMatch(/^blip2_batch_requests_count [1-9]/m);
  expect(text).toMatch(/^blip2_queue_waiting 0$/m);
  expect(text).toMatch(/^blip2_bytes_in_flight 0$/m);
  for (const line of text.trim().split('\n')) {
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)*\})? [\d.e+-]+)$/);
  }
});

test('many connections, one after the other, some broken off, leave none open', async () => {
  const healthy = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(/^blip2_requests_total\{route="\/health",status="200"\} (\d+)$/m.exec(text)?.[1]);
  };
  const request = 'GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
  const before = await healthy();
  for (let round = 0; round < 20; round++) {
    const connections = Array.from({ length: 25 }, (_, i) => {
      const socket = connect(server.port, '127.0.0.1').on('error', () => {});
      socket.resume().write(i % 5 === 0 ? request.slice(0, 10) : request, () => {
        if (i % 5 === 0) socket.destroy();
      });
      return once(socket, 'close');
    });
    await Promise.all(connections);
  }
  await until(async () => /^blip2_connections 1$/m.test(await (await fetch(`${server.url}/metrics`)).text()));
  expect((await healthy()) - before).toBe(400);
});

test('a server that closes lets requests end, and takes no others', async () => {
  const closing = await serve();
  const answer = post(`${closing.api}/chat/completions`, caption(image));
  await until(async () => ((await (await fetch(`${closing.url}/health`)).json()) as { running: number }).running === 1);
  const closed = closing.close();
  await expect(fetch(`${closing.url}/health`)).rejects.toThrow();
  expect((await answer).status).toBe(200);
  await closed;
  await closing.close();
});
