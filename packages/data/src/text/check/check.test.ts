import { readFile } from 'node:fs/promises';
import { parseJson } from '@blip2/tensor';
import { fixture } from '@blip2/testing';
import { checkMutations } from '@blip2/testing/untrusted';
import { expect, test } from '@jest/globals';
import { createTokenizer, type TokenizerFiles } from '../tokenizer.js';

type Json = Record<string, unknown>;

const wordPiece = {
  type: 'WordPiece',
  unk_token: 'u',
  continuing_subword_prefix: '##',
  vocab: { u: 0, a: 1, '##b': 2 },
};
const bpe = { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']] };
const unigram = {
  type: 'Unigram',
  unk_id: 0,
  vocab: [
    ['u', 0],
    ['a', -1],
  ],
};
const make = (parts: Json, options = {}) => createTokenizer({ tokenizer: { model: wordPiece, ...parts } }, options);

const replace = (content: string, pattern: Json = { String: 'a' }) => ({ type: 'Replace', pattern, content });
const sequence = (...normalizers: unknown[]) => ({ normalizer: { type: 'Sequence', normalizers } });

test.each<[what: string, parts: Json, message: string]>([
  ['no model', { model: undefined }, "The tokenizer's model must be an object, not nothing."],
  [
    'an unknown model',
    { model: { type: 'WordLevel', vocab: {} } },
    'model.type must be BPE, WordPiece or Unigram, not',
  ],
  ['an empty vocabulary', { model: { ...bpe, vocab: {} } }, 'model.vocab must be 1 to 1048576 tokens, not 0'],
  ['an id that is a text', { model: { ...bpe, vocab: { a: '0' } } }, 'model.vocab["a"] must be a whole number'],
  ['an id of a billion', { model: { ...bpe, vocab: { a: 1e9 } } }, 'from 0 to 1048575, not 1000000000'],
  ['a merge of three', { model: { ...bpe, merges: ['a b c'] } }, 'model.merges[0] must be two tokens, not "a b c"'],
  ['a merge to no token', { model: { ...bpe, merges: [['b', 'a']] } }, 'make a token, not "ba"'],
  ['an unknown token that is none', { model: { ...wordPiece, unk_token: 'x' } }, 'model.unk_token must be a token'],
  ['words without a limit', { model: { ...wordPiece, max_input_chars_per_word: 1e9 } }, 'from 1 to 256'],
  ['a score that is none', { model: { ...unigram, vocab: [['u', null]] } }, 'model.vocab[0] must be a piece'],
  ['a piece too long', { model: { ...unigram, vocab: [['u'.repeat(65), 0]] } }, 'at most 64 characters'],
  [
    'an unknown piece out of it',
    { model: { ...unigram, unk_id: 2 } },
    'model.unk_id must be a whole number from 0 to 1',
  ],
  ['an added token out of reach', { added_tokens: [{ id: 2 ** 40, content: 'x' }] }, 'added_tokens[0].id must be'],
  ['an added token of nothing', { added_tokens: [{ id: 3, content: '' }] }, 'added_tokens[0].content must be a text'],
  [
    'a token that is only matched between words',
    { added_tokens: [{ id: 3, content: '<image>', single_word: true }] },
    'added_tokens[0] "<image>" has single_word, which is not supported',
  ],
  ['an unknown part', { normalizer: { type: 'Evil' } }, 'normalizer.type must be one of Sequence, BertNormalizer'],
  ['a part of an inherited name', { decoder: { type: 'constructor' } }, 'decoder.type must be one of'],
  ['pieces of no length', { pre_tokenizer: { type: 'FixedLength', length: 0 } }, 'pre_tokenizer.length must be'],
  [
    'an expression',
    sequence(replace('', { Regex: '(a+)+$' })),
    'normalizer.normalizers[0].pattern is the regular expression',
  ],
  ['many parts', sequence(...Array.from({ length: 40 }, () => ({ type: 'NFC' }))), 'must be a list of at most 32'],
  ['text that grows', sequence(...Array.from({ length: 7 }, () => replace('aa'))), 'more than 64 times longer'],
  [
    'a text of its own',
    { post_processor: { type: 'BertProcessing', sep: ['x', 1], cls: ['u', 0] } },
    'one of its tokens',
  ],
  [
    'a second text that is not there',
    { post_processor: { type: 'TemplateProcessing', single: [{ Sequence: { id: 'B', type_id: 0 } }], pair: [] } },
    'single[0].Sequence.id must be A, not "B"',
  ],
])('refuses %s', (_, parts, message) => {
  expect(() => make(parts)).toThrow(message);
});

test('nesting is limited', () => {
  let normalizer: object = { type: 'NFC' };
  for (let i = 0; i < 100; i++) normalizer = { type: 'Sequence', normalizers: [normalizer] };
  expect(() => make({ normalizer })).toThrow('more than 32 components');
});

test('expressions of published tokenizers are taken, others where they are trusted', () => {
  expect(make(sequence(replace('a', { Regex: ' {2,}' }))).encode('a')).toEqual([1]);
  const own = sequence(replace('a', { Regex: 'q+' }));
  expect(make(own, { trustPatterns: true }).encode('qqq')).toEqual([1]);
  const broken = sequence(replace('a', { Regex: '(' }));
  expect(() => make(broken, { trustPatterns: true })).toThrow(/^The tokenizer cannot be used: .*\.$/);
});

test('a token for nothing is an error, an id for no token is no text', () => {
  const { encode, decode } = createTokenizer({ tokenizer: { model: { ...unigram, unk_id: null } } });
  expect(encode('a')).toEqual([1]);
  expect(() => encode('é')).toThrow('The tokenizer has no token for a part of "é"');
  expect(decode([1, 500_000, -1])).toBe('a');
});

test('settings are of their types, and special tokens are known by what they hold', () => {
  const config = (value: Json): TokenizerFiles => ({ tokenizer: { model: wordPiece }, config: value });
  expect(() => createTokenizer(config({ remove_space: 1 }))).toThrow("The tokenizer's config.remove_space must be");
  expect(() => createTokenizer(config({ additional_special_tokens: 'a' }))).toThrow('must be a list');
  expect(() => createTokenizer(config({ additional_special_tokens: [3] }))).toThrow('must be a token, not 3');
  const { decode } = createTokenizer(config({ additional_special_tokens: [{ content: 'a' }] }));
  expect(decode([1, 0])).toBe('u');
});

test.each(['hf-opt', 'hf-itm', 'hf-t5'])(
  '100 mutations of the tokenizer of %s read or are refused clearly',
  async (folder) => {
    const json = async (file: string) => JSON.parse(await readFile(fixture(`${folder}/${file}`), 'utf8')) as Json;
    const valid = { tokenizer: await json('tokenizer.json'), config: await json('tokenizer_config.json') };
    const read = await checkMutations(
      valid,
      ({ tokenizer, config }) => {
        const { encode, decode } = createTokenizer({
          tokenizer: parseJson(JSON.stringify(tokenizer) ?? '', 'tokenizer.json'),
          config: parseJson(JSON.stringify(config) ?? '', 'tokenizer_config.json'),
        });
        expect(typeof decode(encode('a photo, É'))).toBe('string');
      },
      { runs: 100 },
    );
    expect(read).toBeGreaterThan(5);
    expect(read).toBeLessThan(95);
  },
);
