import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { readProcessor } from '../image/processor.js';
import { loadTokenizer } from './tokenizer.js';

const json = async (path: string) => JSON.parse(await readFile(fixture(path), 'utf8'));

test('OPT: the ids of the reference for every prompt, after the image tokens', async () => {
  const tokenizer = await loadTokenizer(fixture('hf-opt'));
  const { cases } = await json('hf-opt/golden.json');
  const image = tokenizer.id('<image>');
  expect(image).toBe(419);
  let checked = 0;
  for (const { prompt, input_ids: ids, greedy, greedy_text: text } of cases) {
    expect(tokenizer.decode(greedy).trim()).toBe(text);
    if (!ids) continue;
    checked++;
    expect(tokenizer.encode(prompt)).toEqual(ids.filter((id: number) => id !== image));
    expect(tokenizer.encode('<image>'.repeat(5), { addSpecialTokens: false })).toEqual(ids.slice(0, 5));
    expect(tokenizer.decode(tokenizer.encode(prompt))).toBe(prompt);
  }
  expect(checked).toBe(4);
  expect(tokenizer.special).toEqual({ bos: 2, eos: 2, pad: 1, unk: 2 });
  expect(tokenizer.paddingSide).toBe('left');
  expect(tokenizer.vocabSize).toBe(420);
  const byUrl = await loadTokenizer(pathToFileURL(fixture('hf-opt')));
  expect(byUrl.encode(cases[0].prompt)).toEqual(tokenizer.encode(cases[0].prompt));
  expect(tokenizer.encode('a photo of', { addSpecialTokens: false })[0]).not.toBe(2);
});

test('BERT: the ids of the reference for both texts', async () => {
  const tokenizer = await loadTokenizer(fixture('hf-itm'));
  const { texts } = await json('hf-itm/golden.json');
  const golden = await openSafetensors(fixture('hf-itm/golden.safetensors'));
  const ids = [...(await golden.read('input_ids'))];
  const mask = [...(await golden.read('attention_mask'))];
  await golden.close();
  const length = ids.length / texts.length;
  for (const [row, text] of texts.entries()) {
    const expected = ids.slice(row * length, (row + 1) * length).filter((_, i) => mask[row * length + i] === 1);
    const words = expected.filter((id) => id !== tokenizer.id('<image>'));
    expect(tokenizer.encode(text)).toEqual(words);
    expect(tokenizer.decode(words)).toBe(text);
  }
  expect(tokenizer.special).toMatchObject({ pad: 0, unk: 1, cls: 2, sep: 3, mask: 4, bos: 419 });
  expect(tokenizer.token(419)).toBe('[DEC]');
  expect(tokenizer.decode([2, 3], { skipSpecialTokens: false })).toBe('[CLS] [SEP]');
});

test('files that begin with a byte-order mark are read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'blip2-tokenizer-'));
  const names = ['tokenizer.json', 'tokenizer_config.json', 'processor_config.json'];
  for (const name of names) {
    await writeFile(join(folder, name), `\uFEFF${await readFile(fixture(`hf-opt/${name}`), 'utf8')}`);
  }
  const tokenizer = await loadTokenizer(folder);
  expect(tokenizer.special).toEqual({ bos: 2, eos: 2, pad: 1, unk: 2 });
  expect(await readProcessor(folder)).toEqual(await readProcessor(fixture('hf-opt')));
  await rm(folder, { recursive: true });
});

test('no ids decode to no text, a folder without a tokenizer is refused', async () => {
  const tokenizer = await loadTokenizer({ tokenizer: await json('hf-opt/tokenizer.json') });
  expect(tokenizer.decode([])).toBe('');
  expect(tokenizer.special).toEqual({});
  expect(tokenizer.id('no such token')).toBeUndefined();
  await expect(loadTokenizer(fixture('photos'))).rejects.toThrow('has no tokenizer.json');
});
