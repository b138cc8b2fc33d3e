import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Blip2, extractImageFeatures, extractTextFeatures, fromPretrained } from '@blip2/models';
import { indexImages, openIndex, searchByImage, searchIndex } from '@blip2/search';
import { useBackend } from '@blip2/training';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import OpenAI from 'openai';
import { dataUrl, disc, type ErrorBody, post, serve, type TestServer } from '../test/serve.js';

jest.setTimeout(120_000);

const colors = ['red', 'blue', 'orange', 'green'];
const texts = ['a red circle', 'an orange', 'a snake'];
let folder: string;
let server: TestServer;
let model: Blip2;
let images: Buffer[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blip2-server-'));
  images = await Promise.all(colors.map((color) => disc(color)));
  const files = colors.map((color) => join(folder, `${color}.png`));
  await Promise.all(files.map((file, i) => writeFile(file, images[i]!)));
  await useBackend({ threads: 1 });
  model = await fromPretrained();
  await indexImages(model, files, { out: join(folder, 'images.index') });
  server = await serve({ index: join(folder, 'images.index') });
});
afterAll(async () => {
  await server?.close();
  model?.dispose();
  await rm(folder, { recursive: true });
  expect(server?.errors).toEqual([]);
});

test('texts are ranked for an image, and images for a text, by their ITM probability', async () => {
  const scores = async (body: object) => {
    interface Ranked {
      results: { index: number; relevance_score: number; document?: object }[];
    }
    const { status, json } = await post<Ranked>(`${server.api}/rerank`, { model: 'blip2-starter', ...body });
    expect(status).toBe(200);
    return json;
  };
  const url = dataUrl(images[0]!);
  const byImage = await scores({ query: { image: url }, documents: texts });
  const matches = await model.match(images[0]!, texts);
  expect(byImage.results).toHaveLength(3);
  for (const { index, relevance_score } of byImage.results) expect(relevance_score).toBeCloseTo(matches[index]!.itm, 5);
  const order = byImage.results.map(({ relevance_score }) => relevance_score);
  expect(order).toEqual([...order].sort((a, b) => b - a));

  const documents = [...images.map((image) => ({ image: dataUrl(image) })), { image: url }];
  const byText = await scores({ query: { text: texts[0]! }, documents, top_n: 5, return_documents: true });
  for (const { index, relevance_score, document } of byText.results) {
    const { itm } = await model.match(images[index % 4]!, texts[0]!);
    expect(relevance_score).toBeCloseTo(itm, 4);
    expect(document).toEqual(documents[index]);
  }
  const of = (index: number) => byText.results.find((one) => one.index === index)!.relevance_score;
  expect(of(0)).toBe(of(4));
  expect((await scores({ query: texts[0]!, documents, top_n: 2 })).results).toHaveLength(2);
});

test('the openai client gets embeddings of texts, whose cosines with those of images are ITC of pooled features', async () => {
  const client = new OpenAI({ baseURL: server.api, apiKey: 'none' });
  const { data, usage } = await client.embeddings.create({ model: 'blip2-starter', input: texts });
  expect(data.map(({ index }) => index)).toEqual([0, 1, 2]);
  expect(usage.prompt_tokens).toBeGreaterThan(6);
  for (const [i, text] of texts.entries()) {
    const { shape, values } = (await extractTextFeatures(model, text)).text_embeds_proj!;
    data[i]!.embedding.forEach((value, e) => {
      expect(value).toBeCloseTo(values[e]!, 5);
    });
    expect(data[i]!.embedding).toHaveLength(shape[1]!);
  }
  const input = [{ image: dataUrl(images[0]!) }, { text: texts[0]! }, texts[0]!];
  const floats = { model: 'blip2-starter', input, encoding_format: 'float' };
  const { json } = await post<{ data: { embedding: number[] }[] }>(`${server.api}/embeddings`, floats);
  const [image, ...same] = json.data.map(({ embedding }) => embedding);
  for (const one of same) expect(one).toEqual(data[0]!.embedding);
  const { shape, values } = (await extractImageFeatures(model, images[0]!)).image_embeds_proj!;
  const [Q, E] = shape as [number, number];
  const sums = Array.from({ length: E }, (_, e) => {
    let sum = 0;
    for (let q = 0; q < Q; q++) sum += values[q * E + e]!;
    return sum;
  });
  image!.forEach((value, e) => {
    expect(value).toBeCloseTo(sums[e]! / Math.hypot(...sums), 5);
  });
});

test('the index is searched by text and by image', async () => {
  const index = await openIndex(join(folder, 'images.index'));
  try {
    const byText = await (await fetch(`${server.url}/search?q=${encodeURIComponent(texts[1]!)}&top=2`)).json();
    expect(byText).toEqual({ results: await searchIndex(model, { index, query: texts[1]! }, { top: 2 }) });
    const { json } = await post<{ results: { image: string }[] }>(`${server.url}/search`, {
      query: { image: dataUrl(images[2]!) },
      top: 3,
    });
    expect(json).toEqual({ results: await searchByImage(model, { index, image: images[2]! }, { top: 3 }) });
    expect(json.results[0]!.image).toMatch(/orange\.png$/);
  } finally {
    await index.close();
  }
});

test.each<[name: string, path: string, body: object, message: RegExp]>([
  [
    'texts for a text',
    '/v1/rerank',
    { query: 'a', documents: ['b'] },
    /images against a text or texts against an image/,
  ],
  ['no documents', '/v1/rerank', { query: 'a', documents: [] }, /documents/],
  ['too many', '/v1/rerank', { query: 'a', documents: new Array(64).fill('b') }, /takes 64 at once/],
  ['a number', '/v1/embeddings', { model: 'blip2-starter', input: [3] }, /input/],
  ['another width', '/v1/embeddings', { model: 'blip2-starter', input: 'a', dimensions: 7 }, /of this model have \d+/],
  ['no query', '/search', { top: 3 }, /query: give a text/],
])('%s is refused', async (_, path, body, message) => {
  const { status, json } = await post<ErrorBody>(`${server.url}${path}`, body);
  expect(status).toBe(400);
  expect(json.error.message).toMatch(message);
});

test('an index of another model, and one that is missing, are found when the server starts', async () => {
  await expect(serve({ index: join(folder, 'nothing.index') })).rejects.toThrow('nothing.index');
});
