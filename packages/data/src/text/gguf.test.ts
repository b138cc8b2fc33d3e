import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { loadTokenizer } from './tokenizer.js';

test.each(['byte-level', 'sentencepiece'] as const)(
  'the %s tokenizer of a GGUF file gives the ids of the reference',
  async (kind) => {
    const folder = fixture('gguf');
    const { texts, ids } = JSON.parse(await readFile(join(folder, 'tokenizers.json'), 'utf8')) as {
      texts: string[];
      ids: Record<string, number[][]>;
    };
    const tokenizer = await loadTokenizer(join(folder, `${kind}.gguf`));
    expect(texts.map((text) => tokenizer.encode(text))).toEqual(ids[kind]);
    for (const text of texts) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(tokenizer.paddingSide).toBe('left');
  },
);

test('a file without a vocabulary, or of another kind, is refused', async () => {
  await expect(loadTokenizer(join(fixture('gguf'), 'types.gguf'))).rejects.toThrow('types.gguf: it has no vocabulary');
});
