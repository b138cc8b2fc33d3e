import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Behavior, type HubFile, sha256, startHub, type TestHub } from '@blip2/testing/hub';
import { afterEach, beforeEach, expect } from '@jest/globals';
import { type ResolveOptions, resolveModel } from '../src/index.js';

/** Bytes that are the same in each run and repeat nowhere near. */
export const noise = (length: number, seed = 1): Uint8Array => {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = state ^ (state >>> 15);
  }
  return new Uint8Array(words.buffer, 0, length);
};

export const text = (content: string): HubFile => ({ bytes: Buffer.from(content), large: false });
export const large = (bytes: Uint8Array): HubFile => ({ bytes, large: true });
export const weights = noise(3_000_001);
/** Of the weights. */
export const etag = sha256(weights);
const files = (): Map<string, HubFile> =>
  new Map([
    ['config.json', text('{"a": 1}')],
    ['tokenizer.json', text('{}')],
    ['README.md', text('# not needed')],
    ['pytorch_model.bin', large(noise(10))],
    ['qformer_tokenizer/tokenizer.json', text('{"q": 1}')],
    ['model.safetensors', large(weights)],
  ]);

export const blobsIn = (cache: string): string => join(cache, 'models--org--tiny', 'blobs');
export const expectWeights = async (folder: string): Promise<void> =>
  expect(sha256(await readFile(join(folder, 'model.safetensors')))).toBe(etag);

/** A new hub for each test of a file, with `org/tiny` on it. */
export function tinyHub() {
  let hub: TestHub;
  beforeEach(async () => {
    hub = await startHub(files());
  });
  afterEach(() => hub.close());
  return {
    get hub(): TestHub {
      return hub;
    },
    resolved(cache: string, options: ResolveOptions = {}, model = 'org/tiny'): Promise<string> {
      const settings = {
        endpoint: hub.endpoint,
        cache,
        retryDelay: 5,
        stallTimeout: 10_000,
        token: undefined,
        offline: false,
      };
      return resolveModel(model, { ...options, hub: { ...settings, ...options.hub } });
    },
    /** Treats the requests for the weights' bytes, counted from 0. */
    ofWeights(behave: (n: number) => Behavior | undefined): void {
      let n = 0;
      hub.behave = ({ server }) => (server === 'storage' ? behave(n++) : undefined);
    },
    /** From which byte on the weights were asked for, each time. */
    gets: (): number[] =>
      hub.asked.filter(({ server }) => server === 'storage').map(({ range }) => Number(range?.slice(6, -1) ?? 0)),
  };
}

/** The error with which a promise fails. */
export const failure = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => {
      throw new Error('It should have failed.');
    },
    (error: Error) => error,
  );
