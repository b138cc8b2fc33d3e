import { readFile } from 'node:fs/promises';
import { createTokenizer, parseProcessor } from '@blip2/data';
import { emojiConfigs } from '@blip2/demo';
import { readModelConfig } from '@blip2/models';
import { openTorch } from '@blip2/tensor/torch';
import { fixture } from '@blip2/testing';
import { readsOrRefuses } from '@blip2/testing/untrusted';
import { expect, test } from '@jest/globals';
import { changedGlobals, watchGlobals } from './engine/globals.js';
import { parse } from './mutate/json.js';
import { packZip, unpackZip } from './mutate/zip.js';

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const CANARY = 'globalThis.canary = 1';
const argument = `(X${String.fromCharCode(CANARY.length)}\0\0\0${CANARY}tR.`;

/** Names that run code in Python, or that mean something in JavaScript. */
const names = [
  'os\nsystem',
  'posix\nsystem',
  'builtins\neval',
  '__builtin__\nexec',
  'subprocess\nPopen',
  'runpy\nrun_path',
];
const ours = [
  'globalThis\neval',
  'Function\nconstructor',
  '__proto__\nconstructor',
  'constructor\nconstructor',
  '\nFunction',
];

test.each([...names, ...ours])('a pickle that calls %j runs nothing', async (name) => {
  watchGlobals();
  const entries = unpackZip(new Uint8Array(await readFile(fixture('torch/zip.pth'))))!;
  const evil = latin1(`\x80\x02c${name}\n${argument}`);
  const zip = packZip(entries.map((entry) => (entry.name.endsWith('/data.pkl') ? { ...entry, data: evil } : entry)));
  const says = `it refers to "${name.replace('\n', '.')}", which is neither a tensor`;
  await expect(openTorch(zip)).rejects.toThrow(says);
  await expect(openTorch(evil)).rejects.toThrow(says);
  expect(changedGlobals()).toBeUndefined();
  expect('canary' in globalThis).toBe(false);
});

const keys = ['__proto__', 'constructor', 'prototype', 'toString'];

/** The JSON with a key of evil in each of its objects. */
function poisoned(json: unknown, key: string): unknown {
  if (Array.isArray(json)) return json.map((one) => poisoned(one, key));
  if (typeof json !== 'object' || json === null) return json;
  const entries = Object.entries(json).map(([name, value]) => [name, poisoned(value, key)] as const);
  return Object.fromEntries([...entries, [key, { canary: 1, prototype: { canary: 1 } }]]);
}

test.each(keys)('a key %j in every object changes nothing', async (key) => {
  watchGlobals();
  const json = async (file: string) =>
    poisoned(parse(await readFile(fixture(`hf-opt/${file}`))), key) as Record<string, unknown>;
  const files = { tokenizer: await json('tokenizer.json'), config: await json('tokenizer_config.json') };
  await readsOrRefuses(() => createTokenizer(files).encode('a photo'));
  const config = await json('config.json');
  await readsOrRefuses(() => readModelConfig(config, 'folder', config));
  await readsOrRefuses(() => emojiConfigs.parse(config));
  const processor = await json('processor_config.json');
  await readsOrRefuses(() => parseProcessor(processor));
  expect(changedGlobals()).toBeUndefined();
  expect(({} as Record<string, unknown>).canary).toBeUndefined();
});
