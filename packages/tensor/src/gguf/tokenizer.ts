import type { Json } from '../config/fields.js';
import { show } from '../config/show.js';
import { AGAIN, GgufError } from './errors.js';
import type { GgufSource } from './open.js';

/** The parsed files of a Hugging Face tokenizer: `tokenizer.json` and `tokenizer_config.json`. */
export interface GgufTokenizerFiles {
  readonly tokenizer: object;
  readonly config: Json;
}

/** Kinds of tokens, by ggml's numbers. */
const NORMAL = 1;
const CONTROL = 3;
const USER = 4;

/** What every kind of tokenizer is made of. */
interface Vocabulary {
  readonly origin: string;
  readonly tokens: readonly string[];
  readonly kinds: readonly number[];
  readonly of: (key: string) => unknown;
}

/**
 * Derives the files of a Hugging Face tokenizer from the metadata of a GGUF file: byte-level BPE (`gpt2`) with the
 * pre-tokenizers of GPT-2, SmolLM, Llama 3 and Qwen2, and BPE of SentencePiece with byte fallback (`llama`). Like every
 * tokenizer they are checked where they are loaded.
 * @throws GgufError for a file without a tokenizer, and for other kinds, by name
 */
export function ggufTokenizer(source: GgufSource): GgufTokenizerFiles {
  const vocabulary = vocabularyOf(source);
  const { of, tokens } = vocabulary;
  const model = of('model');
  const made = model === 'gpt2' ? byteLevel(vocabulary) : model === 'llama' ? sentencePiece(vocabulary) : undefined;
  if (!made) {
    throw new GgufError(source.origin, `its tokenizer is of the kind ${show(model)}`, 'gpt2 and llama are read here');
  }
  const special = (name: string): string | undefined => tokens[Number(of(`${name}_token_id`))];
  const names = { bos_token: 'bos', eos_token: 'eos', unk_token: 'unknown', pad_token: 'padding' };
  const found = Object.entries(names).flatMap(([key, name]) => {
    const token = special(name);
    return token === undefined ? [] : [[key, token] as const];
  });
  return {
    tokenizer: { version: '1.0', added_tokens: addedTokens(vocabulary), post_processor: template(vocabulary), ...made },
    config: { ...Object.fromEntries(found), padding_side: 'left', clean_up_tokenization_spaces: false },
  };
}

function vocabularyOf({ metadata, origin }: GgufSource): Vocabulary {
  const of = (key: string): unknown => metadata.get(`tokenizer.ggml.${key}`);
  const tokens = of('tokens');
  if (!Array.isArray(tokens) || tokens.length === 0 || typeof tokens[0] !== 'string') {
    throw new GgufError(origin, 'it has no vocabulary', 'give a model with its tokenizer');
  }
  const kinds = of('token_type') ?? tokens.map(() => NORMAL);
  if (!Array.isArray(kinds) || kinds.length !== tokens.length) {
    throw new GgufError(origin, `its tokenizer.ggml.token_type are not as many as its ${tokens.length} tokens`, AGAIN);
  }
  return { origin, tokens, kinds: kinds as readonly number[], of };
}

const addedTokens = ({ tokens, kinds }: Vocabulary) =>
  tokens.flatMap((content, id) => {
    const kind = kinds[id] as number;
    if ((kind !== CONTROL && kind !== USER) || content === '') return [];
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: kind === CONTROL };
    return [{ id, content, ...flags }];
  });

/** Puts BOS and EOS around a text where the file says so; BOS by default where the kind has it. */
function template({ of, tokens }: Vocabulary): object | null {
  const pre = of('pre');
  const usual = of('model') === 'llama' || pre === 'llama-bpe' || pre === 'llama3';
  const ends = (['bos', 'eos'] as const).map((name) => {
    const wanted = of(`add_${name}_token`) ?? (name === 'bos' && usual);
    const id = Number(of(`${name}_token_id`));
    const token = tokens[id];
    return wanted === true && token !== undefined ? { id, token } : undefined;
  });
  if (!ends.some((end) => end)) return null;
  const [bos, eos] = ends.map((end) => (end ? [{ SpecialToken: { id: end.token, type_id: 0 } }] : []));
  const text = (name: 'A' | 'B'): object => ({ Sequence: { id: name, type_id: 0 } });
  const special = ends.flatMap((end) =>
    end ? [[end.token, { id: end.token, ids: [end.id], tokens: [end.token] }] as const] : [],
  );
  return {
    type: 'TemplateProcessing',
    single: [...(bos ?? []), text('A'), ...(eos ?? [])],
    pair: [...(bos ?? []), text('A'), ...(bos ?? []), text('B'), ...(eos ?? [])],
    special_tokens: Object.fromEntries(special),
  };
}

const ids = (tokens: readonly string[]): Record<string, number> => {
  const vocab: Record<string, number> = Object.create(null) as Record<string, number>;
  tokens.forEach((token, id) => {
    vocab[token] ??= id;
  });
  return vocab;
};

const SPLIT = (regex: string): object => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false },
    { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
  ],
});
const GPT2 = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
const LLAMA3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const QWEN2 = LLAMA3.replace('{1,3}', '');

/** How a text is split before BPE, by `tokenizer.ggml.pre`; Qwen2 composes characters first. */
const PRE: Readonly<Record<string, { readonly pre_tokenizer: object; readonly normalizer?: object }>> = {
  default: { pre_tokenizer: GPT2 },
  'gpt-2': { pre_tokenizer: GPT2 },
  smollm: { pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, GPT2] } },
  'llama-bpe': { pre_tokenizer: SPLIT(LLAMA3) },
  llama3: { pre_tokenizer: SPLIT(LLAMA3) },
  qwen2: { pre_tokenizer: SPLIT(QWEN2), normalizer: { type: 'NFC' } },
};

function byteLevel({ origin, tokens, of }: Vocabulary): object {
  const pre = of('pre') ?? 'default';
  const known = typeof pre === 'string' && Object.hasOwn(PRE, pre) ? PRE[pre] : undefined;
  if (!known) {
    const remedy = `${Object.keys(PRE).join(', ')} are read here`;
    throw new GgufError(origin, `its tokenizer splits texts as ${show(pre)} does`, remedy);
  }
  const merges = of('merges');
  if (!Array.isArray(merges)) throw new GgufError(origin, 'it has no tokenizer.ggml.merges', AGAIN);
  const decoder = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return { normalizer: null, ...known, decoder, model: { type: 'BPE', vocab: ids(tokens), merges } };
}

/** The longest piece whose merges are looked for; published vocabularies have none of a quarter of it. */
const LONGEST_PIECE = 256;

/** SentencePiece's BPE: of all merges that make a piece of the vocabulary, that of the best score is done first. */
function sentencePiece({ origin, tokens, kinds, of }: Vocabulary): object {
  const scores = of('scores');
  if (!Array.isArray(scores) || scores.length !== tokens.length) {
    throw new GgufError(origin, `its tokenizer.ggml.scores are not as many as its ${tokens.length} tokens`, AGAIN);
  }
  const vocab = ids(tokens);
  const merges: { readonly pair: readonly [string, string]; readonly score: number }[] = [];
  for (const [id, piece] of tokens.entries()) {
    if (kinds[id] !== NORMAL) continue;
    if (piece.length > LONGEST_PIECE) {
      throw new GgufError(origin, `its piece ${show(piece.slice(0, 20))}… has ${piece.length} letters`, AGAIN);
    }
    for (let i = 1; i < piece.length; i++) {
      const pair = [piece.slice(0, i), piece.slice(i)] as const;
      if (vocab[pair[0]] !== undefined && vocab[pair[1]] !== undefined)
        merges.push({ pair, score: Number(scores[id]) });
    }
  }
  merges.sort((a, b) => b.score - a.score || b.pair[0].length - a.pair[0].length);
  const spaced = of('add_space_prefix') !== false;
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const decoders = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(spaced ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ];
  const unknown = tokens[Number(of('unknown_token_id') ?? 0)];
  return {
    normalizer: { type: 'Sequence', normalizers: [...(spaced ? [{ type: 'Prepend', prepend: '▁' }] : []), spaces] },
    pre_tokenizer: null,
    decoder: { type: 'Sequence', decoders },
    model: {
      ...{ type: 'BPE', unk_token: unknown, fuse_unk: true, byte_fallback: true, ignore_merges: false },
      ...{ vocab, merges: merges.map(({ pair }) => pair) },
    },
  };
}
