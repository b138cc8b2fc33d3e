import { Tokenizer as Library } from '@huggingface/tokenizers';
import { learnMerges, tally } from './merges.js';
import type { TokenizerFiles } from './tokenizer.js';

/** The special tokens of BERT in the order of their ids; `[DEC]`, which BLIP-2 adds, is not among them. */
export const BERT_SPECIALS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;
/** The token with which BLIP-2 starts captions in the first stage; its embedding follows those of BERT's tokens. */
export const DECODER_START = '[DEC]';

const addedToken = (id: number, content: string) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

/**
 * Builds the files of BERT's uncased WordPiece tokenizer from a vocabulary. `[DEC]`, which BLIP-2 starts captions with,
 * gets the id after the last piece where the vocabulary lacks it.
 * @throws Error where one of BERT's special tokens is missing
 */
export function buildWordPiece(vocab: readonly string[]): TokenizerFiles {
  const tokens = vocab.includes(DECODER_START) ? vocab : [...vocab, DECODER_START];
  const id = new Map(tokens.map((token, index) => [token, index]));
  const special = [...BERT_SPECIALS, DECODER_START].map((token) => {
    const index = id.get(token);
    if (index === undefined) throw new Error(`The vocabulary has no ${token}: a BERT tokenizer needs it.`);
    return addedToken(index, token);
  });
  const around = (token: string, type: number) => ({ SpecialToken: { id: token, type_id: type } });
  const text = (name: string, type: number) => ({ Sequence: { id: name, type_id: type } });
  const entry = (token: string) => [token, { id: token, ids: [id.get(token)], tokens: [token] }];
  const single = [around('[CLS]', 0), text('A', 0), around('[SEP]', 0)];
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.sort((a, b) => a.id - b.id),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, text('B', 1), around('[SEP]', 1)],
      special_tokens: Object.fromEntries([entry('[CLS]'), entry('[SEP]')]),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocab.map((token, index) => [token, index])),
    },
  };
  const config = {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: true,
    bos_token: DECODER_START,
    pad_token: '[PAD]',
    unk_token: '[UNK]',
    cls_token: '[CLS]',
    sep_token: '[SEP]',
    mask_token: '[MASK]',
    model_max_length: 512,
    padding_side: 'right',
  };
  return { tokenizer, config };
}

/**
 * Trains a WordPiece tokenizer of at most `vocabSize` pieces, `[DEC]` included, on texts as the `tokenizers` library
 * does: all characters, then merges by frequency. Deterministic.
 * @throws Error where the texts have more characters than `vocabSize` allows
 */
export function trainWordPiece(texts: Iterable<string>, { vocabSize }: { readonly vocabSize: number }): TokenizerFiles {
  const library = new Library(buildWordPiece(BERT_SPECIALS).tokenizer, {});
  const words: string[] = [];
  for (const text of texts)
    words.push(...(library.pre_tokenizer?.pre_tokenize(library.normalizer?.normalize(text) ?? text) ?? []));
  const split = tally(words).map(([word, count]) => [[...word].map((c, i) => (i ? `##${c}` : c)), count] as const);
  const alphabet = [...new Set(split.flatMap(([pieces]) => pieces))].sort();
  const join = (left: string, right: string): string => left + right.replace(/^##/, '');
  const vocab = new Set<string>([...BERT_SPECIALS, ...alphabet]);
  if (vocab.size + 1 > vocabSize) {
    throw new Error(
      `The texts have ${alphabet.length} characters, too many for ${vocabSize} pieces: increase vocabSize.`,
    );
  }
  for (const [left, right] of learnMerges(split, { limit: vocabSize - vocab.size - 1, join }))
    vocab.add(join(left, right));
  return buildWordPiece([...vocab]);
}
