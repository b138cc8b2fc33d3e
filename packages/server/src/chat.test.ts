import { type Blip2, fromPretrained } from '@blip2/models';
import { useBackend } from '@blip2/training';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import OpenAI from 'openai';
import { dataUrl, disc, post, serve, type TestServer, withImage } from '../test/serve.js';

jest.setTimeout(120_000);

let server: TestServer;
let client: OpenAI;
let model: Blip2;
let red: Buffer;
let blue: Buffer;

beforeAll(async () => {
  server = await serve({ apiKey: 'secret' });
  client = new OpenAI({ baseURL: server.api, apiKey: 'secret', maxRetries: 0 });
  await useBackend({ threads: 1 });
  model = await fromPretrained(undefined);
  [red, blue] = await Promise.all([disc('red'), disc('blue')]);
});
afterAll(async () => {
  model.dispose();
  await server.close();
  expect(server.errors).toEqual([]);
});

const named = { model: 'blip2-starter' };

test('the openai client lists the model, and captions: without a text, with beams and penalties, several', async () => {
  const models = await client.models.list();
  expect(models.data).toMatchObject([{ id: 'blip2-starter', object: 'model', owned_by: 'blip2' }]);
  expect(await client.models.retrieve('blip2-starter')).toEqual(models.data[0]);
  const messages = [withImage(dataUrl(red))];
  const { choices, usage, ...rest } = await client.chat.completions.create({ ...named, messages });
  const { caption, tokens } = await model.caption(red);
  expect(rest).toMatchObject({ object: 'chat.completion', model: 'blip2-starter' });
  expect(choices).toEqual([
    {
      index: 0,
      message: { role: 'assistant', content: caption, refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ]);
  const queries = model.models[0]!.config.queries;
  expect(usage).toMatchObject({ completion_tokens: tokens.length, total_tokens: usage!.prompt_tokens + tokens.length });
  expect(usage!.prompt_tokens).toBeGreaterThanOrEqual(queries);

  const extra = { num_beams: 3, length_penalty: -1, repetition_penalty: 1.5, min_tokens: 4, max_tokens: 6 };
  const several = await client.chat.completions.create({ ...named, messages, n: 2, ...extra });
  const { captions } = await model.caption(red, {
    ...{ beams: 3, lengthPenalty: -1, repetitionPenalty: 1.5, minNewTokens: 4, maxNewTokens: 6, returnSequences: 2 },
  });
  expect(several.choices.map(({ message }) => message.content)).toEqual(captions!.map((one) => one.caption));
  const cut = await client.chat.completions.create({ ...named, messages, max_tokens: 1, temperature: 0 });
  expect(cut.choices[0]!.finish_reason).toBe('length');
  expect(cut.usage!.completion_tokens).toBe(1);
});

test('a text is a question, earlier turns are a dialogue, and the last image counts', async () => {
  const question = 'what is it?';
  const ask = async (messages: OpenAI.ChatCompletionMessageParam[]) =>
    (await client.chat.completions.create({ ...named, messages })).choices[0]!.message.content;
  const { answer } = await model.ask(red, question);
  expect(await ask([{ role: 'system', content: 'Be short.' }, withImage(dataUrl(red), question)])).toBe(answer);
  const turns = [
    withImage(dataUrl(blue), 'is it round?'),
    { role: 'assistant' as const, content: 'yes' },
    withImage(dataUrl(red)),
    { role: 'assistant' as const, content: 'a circle' },
    { role: 'user' as const, content: question },
    { role: 'assistant' as const, content: 'a ball' },
    { role: 'user' as const, content: 'how many?' },
  ];
  const history = [{ question, answer: 'a ball' }];
  expect(await ask(turns)).toBe((await model.ask(red, 'how many?', { history })).answer);
});

test('a stream has the pieces of the greedy text, its end and its usage; samples follow their seed', async () => {
  const messages = [withImage(dataUrl(red))];
  const options = { ...named, messages, stream: true as const, stream_options: { include_usage: true } };
  const read = async (more: object) => {
    const chunks = [];
    for await (const chunk of await client.chat.completions.create({ ...options, ...more })) chunks.push(chunk);
    const deltas = chunks.flatMap(({ choices }) => choices);
    const text = deltas.map(({ delta }) => delta.content ?? '').join('');
    return { chunks, text, pieces: deltas.length, finish: deltas.at(-1)!.finish_reason };
  };
  const greedy = await model.caption(red, { beams: 1 });
  const streamed = await read({});
  expect([streamed.text, streamed.finish]).toEqual([greedy.caption, 'stop']);
  expect(streamed.pieces).toBeGreaterThan(3);
  expect(streamed.chunks.at(-1)!.usage!.completion_tokens).toBe(greedy.tokens.length);
  expect(new Set(streamed.chunks.map(({ id }) => id)).size).toBe(1);

  const beams = await read({ num_beams: 5 });
  expect(beams.text).toBe((await model.caption(red)).caption);
  const word = greedy.caption.split(' ')[1]!;
  expect((await read({ stop: [word] })).text.trim()).toBe(greedy.caption.slice(0, greedy.caption.indexOf(word)).trim());

  const sampling = { temperature: 2, top_p: 0.95, seed: 7 };
  const sample = await model.caption(red, { sample: true, temperature: 2, topP: 0.95, seed: 7 });
  expect((await read(sampling)).text).toBe(sample.caption);
  const whole = await client.chat.completions.create({ ...named, messages, ...sampling });
  expect(whole.choices[0]!.message.content).toBe(sample.caption);
});

test('images that wait are computed as one batch, with the captions that they have alone', async () => {
  const images = await Promise.all(['red', 'green', 'blue', 'orange', 'black', 'white'].map((color) => disc(color)));
  const before = server.records.length;
  const captions = await Promise.all(
    images.map(async (image) => {
      const { choices } = await client.chat.completions.create({ ...named, messages: [withImage(dataUrl(image))] });
      return choices[0]!.message.content;
    }),
  );
  for (const [i, image] of images.entries()) expect(captions[i]).toBe((await model.caption(image)).caption);
  const batches = server.records.slice(before).map(({ batch }) => batch!);
  expect(Math.max(...batches)).toBeGreaterThan(1);
  for (const record of server.records.slice(before)) {
    expect(record).toMatchObject({ method: 'POST', path: '/v1/chat/completions', status: 200 });
    expect(record.waited!).toBeLessThanOrEqual(record.seconds);
  }
});

test('a broken image is refused alone, in the batch of others', async () => {
  const bodies = [red, Buffer.from('no image'), blue].map((image) => ({
    ...named,
    messages: [withImage(dataUrl(image))],
  }));
  const authorization = { authorization: 'Bearer secret' };
  const answers = await Promise.all(bodies.map((body) => post(`${server.api}/chat/completions`, body, authorization)));
  expect(answers.map(({ status }) => status)).toEqual([200, 400, 200]);
  expect(answers[1]!.json).toMatchObject({ error: { type: 'invalid_request_error' } });
  expect(JSON.stringify(answers[1]!.json)).toContain('is not an image that can be read');
});

test.each<[name: string, body: object, status: number, message: RegExp]>([
  [
    'another model',
    { model: 'gpt-5', messages: [withImage('data:,')] },
    404,
    /no model 'gpt-5' here; .*'blip2-starter'/,
  ],
  ['no image', { ...named, messages: [{ role: 'user', content: 'hi' }] }, 400, /There is no image/],
  ['no user', { ...named, messages: [{ role: 'assistant', content: 'hi' }] }, 400, /last message must be the user's/],
  ['no base64', { ...named, messages: [withImage('data:image/png,abc')] }, 400, /in base64/],
  ['a file', { ...named, messages: [withImage('file:///etc/passwd')] }, 400, /as a data URL/],
  ['the web', { ...named, messages: [withImage('https://example.com/a.png')] }, 400, /--allow-remote/],
  ['a misspelled field', { ...named, messages: [withImage('data:,')], num_beam: 3 }, 400, /num_beam/],
  ['tools', { ...named, messages: [withImage('data:,')], tools: [{}] }, 400, /tools/],
  ['many beams', { ...named, messages: [withImage('data:,')], num_beams: 99 }, 400, /at most 16 beams/],
  ['many texts', { ...named, messages: [withImage('data:,')], num_beams: 2, n: 3 }, 400, /need as many beams/],
  ['many tokens', { ...named, messages: [withImage('data:,')], max_tokens: 1000 }, 400, /at most 256 tokens/],
  [
    'a wrong part',
    { ...named, messages: [{ role: 'user', content: [{ type: 'audio' }] }] },
    400,
    /messages\.0\.content/,
  ],
])('%s is refused', async (_, body, status, message) => {
  const error = await client.chat.completions
    .create(body as OpenAI.ChatCompletionCreateParamsNonStreaming)
    .catch((error: unknown) => error);
  expect(error).toBeInstanceOf(OpenAI.APIError);
  expect((error as InstanceType<typeof OpenAI.APIError>).status).toBe(status);
  expect((error as Error).message).toMatch(message);
});

test('a dialogue that leaves too few positions for the new tokens is refused', async () => {
  const turn = [
    { role: 'user' as const, content: 'what is it? '.repeat(10) },
    { role: 'assistant' as const, content: 'a red circle' },
  ];
  const ask = (turns: number, max_tokens?: number) => {
    const messages = [withImage(dataUrl(red)), ...Array.from({ length: turns }, () => turn).flat(), turn[0]!];
    return client.chat.completions.create({ ...named, messages, ...(max_tokens && { max_tokens }) });
  };
  await expect(ask(100)).rejects.toThrow('leave out earlier turns');
  await expect(ask(1, 256)).rejects.toThrow(/has positions for \d+ tokens; lower max_tokens/);
  expect((await ask(1)).usage!.prompt_tokens).toBeGreaterThan(60);
});

test('without the key there is an answer from /health only', async () => {
  const other = new OpenAI({ baseURL: server.api, apiKey: 'wrong', maxRetries: 0 });
  await expect(other.models.list()).rejects.toMatchObject({ status: 401 });
  expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
  const health = await fetch(`${server.url}/health`);
  expect([health.status, await health.json()]).toEqual([
    200,
    { status: 'ok', model: 'blip2-starter', waiting: 0, running: 0 },
  ]);
});
