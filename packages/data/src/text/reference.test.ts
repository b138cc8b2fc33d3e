import { readFile } from 'node:fs/promises';
import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { createTokenizer } from './tokenizer.js';

interface Set {
  readonly folder: string;
  readonly flags: object;
  readonly cases: [text: string, plain: number[], special: number[]][];
}
const json = async (path: string) => JSON.parse(await readFile(fixture(path), 'utf8'));
const sets: Set[] = await json('tokens.json');

test.each(sets.map((set) => [set.folder, JSON.stringify(set.flags), set] as const))(
  '%s with %s on its added tokens gives the ids of Python',
  async (folder, _, { flags, cases }) => {
    const file = await json(`${folder}/tokenizer.json`);
    const defaults = { lstrip: false, rstrip: false, normalized: false };
    const added = file.added_tokens.map((token: object) => ({ ...token, ...defaults, ...flags }));
    const { encode } = createTokenizer({ tokenizer: { ...file, added_tokens: added } });
    for (const [text, plain, special] of cases) {
      expect([text, encode(text, { addSpecialTokens: false })]).toEqual([text, plain]);
      expect([text, encode(text)]).toEqual([text, special]);
    }
  },
);
