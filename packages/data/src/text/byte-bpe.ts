import { learnMerges, type Merge, tally } from './merges.js';
import type { TokenizerFiles } from './tokenizer.js';

/** The special tokens of OPT in the order of their ids. */
export const OPT_SPECIALS = ['<s>', '<pad>', '</s>', '<unk>'] as const;

/** GPT-2's pre-tokenization: words with the space before them. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** GPT-2's printable character for each byte: the byte itself where it is printable, else a letter from U+0100 on. */
export const byteLetters: readonly string[] = (() => {
  const prints = (byte: number): boolean => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : next++));
})();

/**
 * Builds the files of a byte-level BPE tokenizer of OPT's kind from its merges: `</s>` is put in front of each text and
 * nothing after it, and no space is added in front. Ids are the special tokens, the 256 bytes, then the merges.
 */
export function buildByteLevelBpe(merges: readonly Merge[]): TokenizerFiles {
  const tokens = new Set<string>([...OPT_SPECIALS, ...[...byteLetters].sort()]);
  for (const [left, right] of merges) tokens.add(left + right);
  const byteLevel = { type: 'ByteLevel', trim_offsets: true, use_regex: true };
  const text = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const start = { SpecialToken: { id: '</s>', type_id: 0 } };
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: OPT_SPECIALS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { ...byteLevel, add_prefix_space: false },
    post_processor: {
      type: 'TemplateProcessing',
      single: [start, text('A', 0)],
      pair: [start, text('A', 0), text('B', 1)],
      special_tokens: { '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] } },
    },
    decoder: { ...byteLevel, add_prefix_space: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries([...tokens].map((token, id) => [token, id])),
      merges: merges.map((pair) => [...pair]),
    },
  };
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '</s>',
    eos_token: '</s>',
    pad_token: '<pad>',
    unk_token: '</s>',
    model_max_length: 512,
    padding_side: 'left',
  };
  return { tokenizer, config };
}

/**
 * Trains a byte-level BPE tokenizer of at most `vocabSize` tokens on texts; see {@link buildByteLevelBpe}. It encodes any
 * text, since every byte is a token. Deterministic.
 * @throws Error where `vocabSize` is below 260, the number of special tokens and bytes
 */
export function trainByteLevelBpe(
  texts: Iterable<string>,
  { vocabSize }: { readonly vocabSize: number },
): TokenizerFiles {
  const limit = vocabSize - OPT_SPECIALS.length - byteLetters.length;
  if (limit < 0)
    throw new Error(`A vocabulary of ${vocabSize} does not hold 4 special tokens and 256 bytes: allow 260 or more.`);
  const words: string[] = [];
  for (const text of texts) words.push(...(text.match(WORDS) ?? []));
  const encoder = new TextEncoder();
  const split = tally(words).map(
    ([word, n]) => [[...encoder.encode(word)].map((byte) => byteLetters[byte]!), n] as const,
  );
  return buildByteLevelBpe(learnMerges(split, { limit }));
}
