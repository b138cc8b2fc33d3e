import { explain } from '@blip2/explain';
import { type Blip2, fromPretrained as load } from '@blip2/models';
import { drawShapes } from '@blip2/test-models';
import { useBackend } from '@blip2/training';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fromPretrained, type WebModel } from './index.js';
import { type Endpoint, type Served, serve } from './serve.js';

// The page and the worker are the two ends of a MessageChannel, whose messages are structured clones as between threads.

let direct: Blip2;
let model: WebModel;
let served: Served;
let images: Blob[];

function channel(): { page: MessagePort; served: Served } {
  const { port1, port2 } = new MessageChannel();
  port2.start();
  return { page: port1, served: serve(port2 as unknown as Endpoint) };
}

beforeAll(async () => {
  await useBackend({ threads: 1 });
  direct = await load();
  const made = channel();
  served = made.served;
  const progress: number[] = [];
  model = await fromPretrained(undefined, {
    worker: made.page,
    threads: 1,
    onProgress: ({ done, total }) => progress.push(done / total),
  });
  expect(Math.max(...progress)).toBe(1);
  const shapes = await drawShapes(3);
  images = shapes.map(({ png }) => new Blob([new Uint8Array(png)]));
});
afterAll(() => {
  model.terminate();
  served.dispose();
  direct.dispose();
});

const bytes = async (i: number): Promise<Uint8Array> => new Uint8Array(await images[i]!.arrayBuffer());

test('says what was loaded', () => {
  expect(model.info).toMatchObject({
    kinds: ['generation', 'retrieval'],
    backend: { name: 'simd', threads: 1 },
    adapters: true,
  });
  expect(model.info.bytes).toBeGreaterThan(10e6);
});

test('captions, answers and scores are those of the model itself', async () => {
  const [first, second] = [images[0]!, await bytes(1)];
  expect(await model.caption(first, { beams: 2 })).toEqual(await direct.caption(first, { beams: 2 }));
  expect(await model.caption([first, second])).toEqual(await direct.caption([first, second]));
  expect(await model.ask(first, 'what is it?')).toEqual(await direct.ask(first, 'what is it?'));
  expect(await model.ask(first, ['what?', 'where?'])).toEqual(await direct.ask(first, ['what?', 'where?']));
  expect(await model.match(first, 'a ring')).toEqual(await direct.match(first, 'a ring'));
  expect(await model.match(first, ['a ring', 'two'])).toEqual(await direct.match(first, ['a ring', 'two']));
});

test('streams pieces and ids, and a loop that is left stops the worker', async () => {
  const [ids, expected]: number[][] = [[], []];
  const pieces: string[] = [];
  for await (const piece of model.stream(images[0]!, { onToken: (id) => ids!.push(id) })) pieces.push(piece);
  let text = '';
  for await (const piece of direct.stream(images[0]!, { onToken: (id) => expected!.push(id) })) text += piece;
  expect(pieces.join('')).toBe(text);
  expect(pieces.length).toBeGreaterThan(1);
  expect(ids).toEqual(expected);
  for await (const _ of model.stream(images[0]!, { maxNewTokens: 60 })) break;
  await expect(model.match(images[0]!, 'a ring')).resolves.toBeDefined();
});

test('an index finds images by a text and by an image, and is released', async () => {
  const shapes = await drawShapes(5);
  const named = shapes.map(({ png, color, shape }) => ({ name: `${color} ${shape}`, image: png }));
  const [progress, unreadable]: [number[], string[]] = [[], []];
  const broken = { name: 'broken', image: new Uint8Array([1, 2]) };
  const index = await model.index([...named, broken], {
    onProgress: (done) => progress.push(done),
    onUnreadable: (name) => unreadable.push(name),
  });
  expect(index.images).toBe(5);
  expect(progress).toEqual([1, 2, 3, 4, 5, 6]);
  expect(unreadable).toEqual(['broken']);
  const found = await model.search(index, 'a ring', { top: 3, rerank: 2 });
  expect(found.map(({ rank, itm }) => [rank, itm !== null])).toEqual([
    [1, true],
    [2, true],
    [3, false],
  ]);
  const { itc } = await direct.match(
    shapes.find(({ color, shape }) => found[2]!.image === `${color} ${shape}`)!.png,
    'a ring',
  );
  expect(found[2]!.itc).toBeCloseTo(itc, 5);
  const [best] = await model.search(index, { image: named[3]!.image }, { top: 1 });
  expect(best).toMatchObject({ rank: 1, image: named[3]!.name, itm: null });
  expect(best!.itc).toBeCloseTo(1, 5);
  await expect(model.index([named[0]!, named[0]!])).rejects.toThrow('Two images have the same name');
  await model.release(index);
  await expect(model.search(index, 'a ring')).rejects.toThrow('This index was released');
});

test('explains as @blip2/explain does', async () => {
  const expected = await explain(direct, images[0]!, { text: 'a ring' });
  expect(await model.explain(images[0]!, { text: 'a ring' })).toEqual(expected);
});

test('trains, and its files are a model that captions as before it was saved', async () => {
  const shapes = await drawShapes(6);
  const steps: number[] = [];
  const before: string[] = [];
  const trained = await model.train(
    shapes.map(({ png, captions }) => ({ image: png, captions })),
    {
      steps: 3,
      lora: 2,
      heldOut: [images[0]!],
      onBefore: (captions) => before.push(...captions),
      onStep: ({ step }) => steps.push(step),
    },
  );
  expect(steps).toEqual([1, 2, 3]);
  expect(trained.heldOut.map((one) => one.before)).toEqual(before);
  const other = channel();
  const loaded = await fromPretrained(trained.files, { worker: other.page });
  expect(loaded.info.kinds).toEqual(['generation']);
  expect((await loaded.caption(images[0]!)).caption).toBe(trained.heldOut[0]!.after);
  loaded.terminate();
  other.served.dispose();
});

test('errors cross with their message', async () => {
  const broken = new Blob(['no image']);
  const messageOf = (call: Promise<unknown>): Promise<string> => call.then(String, (error: Error) => error.message);
  expect(await messageOf(model.caption(broken))).toBe(await messageOf(direct.caption(broken)));
  const stop = { stop: ['two words'] };
  expect(await messageOf(model.caption(images[0]!, stop))).toBe(await messageOf(direct.caption(images[0]!, stop)));
  await expect(model.stream(broken).next()).rejects.toThrow('is not an image');
});

test('a signal stops a call that waits, and one that runs, with its reason; the model goes on', async () => {
  const reason = new Error('enough');
  const controller = new AbortController();
  const { signal } = controller;
  const pieces: string[] = [];
  const streamed = (async () => {
    for await (const piece of model.stream(images[0]!, { signal, maxNewTokens: 60 })) {
      pieces.push(piece);
      controller.abort(reason);
    }
  })();
  const waiting = model.caption(images[1]!, { signal });
  await expect(streamed).rejects.toBe(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(model.ask(images[0]!, 'what?', { signal })).rejects.toBe(reason);
  expect(pieces).toHaveLength(1);
  expect(await model.caption(images[2]!)).toEqual(await direct.caption(images[2]!));
});

test('what loading throws reaches the page, and a terminated model throws', async () => {
  const first = channel();
  await expect(fromPretrained('file:///nowhere/model', { worker: first.page })).rejects.toThrow(/nowhere/);
  const second = channel();
  const other = await fromPretrained(undefined, { worker: second.page, kind: 'retrieval' });
  expect(other.info.kinds).toEqual(['retrieval']);
  await expect(other.caption(images[0]!)).rejects.toThrow('has no language model to generate text with');
  const pending = other.match(images[0]!, 'a ring');
  other.terminate();
  await expect(pending).rejects.toThrow('The worker of the model was terminated.');
  await expect(other.match(images[0]!, 'a ring')).rejects.toThrow('The worker of the model was terminated.');
  second.served.dispose();
});
