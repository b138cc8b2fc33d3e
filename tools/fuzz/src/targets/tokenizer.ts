import { readFile } from 'node:fs/promises';
import { buildByteLevelBpe, createTokenizer } from '@blip2/data';
import { isJson, parseJson } from '@blip2/tensor';
import { fixture } from '@blip2/testing';
import { mutateJson } from '../mutate/json.js';
import { type Target, Unsound } from '../target.js';

const words = [
  ...[
    'BPE',
    'WordPiece',
    'Unigram',
    'WordLevel',
    'Sequence',
    'Replace',
    'Prepend',
    'Precompiled',
    'NFKD',
    'Strip',
    'Lowercase',
  ],
  ...['BertNormalizer', 'BertPreTokenizer', 'ByteLevel', 'Metaspace', 'Split', 'Digits', 'Punctuation', 'FixedLength'],
  ...[
    'TemplateProcessing',
    'BertProcessing',
    'RobertaProcessing',
    'BPEDecoder',
    'CTC',
    'Fuse',
    'ByteFallback',
    'Removed',
  ],
  ...[
    'vocab',
    'merges',
    'unk_token',
    'unk_id',
    'pattern',
    'Regex',
    'String',
    '(a+)+$',
    '\\s+',
    ' {2,}',
    '(',
    'content',
    'length',
  ],
  ...[
    'normalizers',
    'pretokenizers',
    'decoders',
    'processors',
    'single',
    'pair',
    'SpecialToken',
    'A',
    'B',
    'sep',
    'cls',
    'a',
    'Ġ',
  ],
];
const texts = ['', 'a photo of two cats, here', 'É 日本 \u0000 😀\ud800  ', `${'a'.repeat(300)}!`, '[CLS]</s><pad>  x'];
const MOST_IDS = 500_000;

/** Both files of a tokenizer in one: `{"tokenizer": …, "config": …}`. */
export const tokenizer: Target = {
  name: 'tokenizer',

  async seeds() {
    const folders = ['hf-opt', 'hf-itm', 'hf-t5'];
    const read = async (folder: string) => {
      const json = async (file: string) => JSON.parse(await readFile(fixture(`${folder}/${file}`), 'utf8')) as object;
      return { tokenizer: await json('tokenizer.json'), config: await json('tokenizer_config.json') };
    };
    const small = buildByteLevelBpe([['a', 'b']]);
    return [...(await Promise.all(folders.map(read))), small, ...pipelines].map((one) =>
      new TextEncoder().encode(JSON.stringify(one)),
    );
  },

  mutate: (input, random, other) => mutateJson(input, random, { words, other }),

  async run(input) {
    const { tokenizer: file, config } = parseJson(input, 'input');
    if (!isJson(file) || !(config === undefined || isJson(config))) throw new Error('There are no two files in this.');
    const made = createTokenizer({ tokenizer: file, ...(config && { config }) });
    for (const text of texts) {
      const ids = made.encode(text);
      if (!ids.every((id) => Number.isInteger(id) && id >= 0))
        throw new Unsound(`ids that are none: ${ids.slice(0, 9)}`);
      if (ids.length > MOST_IDS) throw new Unsound(`${ids.length} ids of ${text.length} characters`);
      if (typeof made.decode(ids) !== 'string') throw new Unsound('a text that is none');
    }
    if (typeof made.decode([0, 1, 5, 419, 1e6, -1]) !== 'string') throw new Unsound('a text that is none');
    if (!Number.isInteger(made.vocabSize)) throw new Unsound('a vocabulary without size');
  },
};

const part = (type: string, fields: object = {}) => ({ type, ...fields });
const letters = [...' abcdefghijklmnop,!'];
const unigram = { type: 'Unigram', unk_id: 0, vocab: ['<unk>', '▁', ...letters].map((piece, i) => [piece, -i]) };
const wordPiece = part('WordPiece', {
  unk_token: '[UNK]',
  continuing_subword_prefix: '##',
  vocab: { '[UNK]': 0, a: 1, '##b': 2, '[SEP]': 3 },
});
const space = { Regex: ' {2,}' };

/** Parts that no fixture has. */
const pipelines = [
  {
    tokenizer: {
      model: unigram,
      normalizer: part('Sequence', {
        normalizers: [
          part('Precompiled'),
          part('Replace', { pattern: space, content: '▁' }),
          part('Prepend', { prepend: '▁' }),
        ],
      }),
      pre_tokenizer: part('Sequence', {
        pretokenizers: [part('WhitespaceSplit'), part('Digits'), part('Metaspace'), part('FixedLength', { length: 9 })],
      }),
      decoder: part('Sequence', {
        decoders: [
          part('Replace', { pattern: { String: '▁' }, content: ' ' }),
          part('ByteFallback'),
          part('Fuse'),
          part('Strip', { content: ' ', start: 1, stop: 0 }),
        ],
      }),
      post_processor: null,
      added_tokens: [{ id: 30, content: '</s>', special: true, normalized: true, lstrip: true, rstrip: true }],
    },
    config: {
      additional_special_tokens: [{ content: '</s>' }, 'x'],
      remove_space: true,
      eos_token: { content: '</s>' },
    },
  },
  {
    tokenizer: {
      model: wordPiece,
      normalizer: part('Sequence', {
        normalizers: ['NFKD', 'StripAccents', 'Lowercase', 'Strip'].map((type) => part(type)),
      }),
      pre_tokenizer: part('Sequence', {
        pretokenizers: [
          part('Split', { pattern: { String: 'x' }, behavior: 'Removed', invert: false }),
          part('Punctuation', { behavior: 'Isolated' }),
          part('Whitespace'),
        ],
      }),
      post_processor: part('Sequence', {
        processors: [part('ByteLevel'), part('BertProcessing', { sep: ['[SEP]', 3], cls: ['[SEP]', 3] })],
      }),
      decoder: part('CTC', { pad_token: '[UNK]', word_delimiter_token: '|', cleanup: true }),
    },
  },
];
