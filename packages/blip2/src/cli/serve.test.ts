import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fixture } from '@blip2/testing';
import { expect, jest, test } from '@jest/globals';
import { blip2, start } from '../../test/process.js';

jest.setTimeout(240_000);

test('serve answers over http, prints a line of JSON for each request, and ends at SIGTERM', async () => {
  const child = start(['serve', '--port', '0', '--json', '--threads', '1'], {
    env: { HF_HUB_OFFLINE: '1', BLIP2_API_KEY: 'secret' },
  });
  const ended = once(child, 'close');
  let stdout = '';
  child.stdout!.on('data', (text: Buffer) => {
    stdout += text;
  });
  let url = '';
  for await (const line of createInterface({ input: child.stderr! })) {
    url = /^blip2-starter is served at (\S+); Ctrl-C ends it\.$/.exec(line)?.[1] ?? '';
    if (url !== '') break;
  }
  child.stderr!.resume();
  const png = (await readFile(fixture('photos/chelsea.png'))).toString('base64');
  const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } };
  const body = { model: 'blip2-starter', messages: [{ role: 'user', content: [image] }], num_beams: 1, max_tokens: 5 };
  const ask = async (key: string) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
    return fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(body) });
  };
  expect((await ask('wrong')).status).toBe(401);
  const { choices } = (await (await ask('secret')).json()) as { choices: { message: { content: string } }[] };
  child.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  const common = {
    time: expect.any(String),
    method: 'POST',
    path: '/v1/chat/completions',
    seconds: expect.any(Number),
  };
  expect(lines).toEqual([
    { ...common, status: 401, error: 'The API key is wrong.' },
    { ...common, status: 200, waited: expect.any(Number), batch: 1, tokens: expect.any(Number) },
  ]);
  const captioned = [
    'caption',
    fixture('photos/chelsea.png'),
    '--beams',
    '1',
    '--max-new-tokens',
    '5',
    '--threads',
    '1',
  ];
  expect(choices[0]!.message.content).toBe((await blip2(captioned)).stdout.trim());
});

test('a port that is taken is one sentence', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  try {
    const { code, stdout, stderr } = await blip2(['serve', '--port', String(port), '--threads', '1']);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`Port ${port} of 127.0.0.1 is taken; choose another with --port.`);
  } finally {
    other.close();
  }
});
