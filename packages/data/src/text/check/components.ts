import { type Json, show } from '@blip2/tensor';
import { type Checks, checkFields, count, flag, isText, list, optional, record, text, word, wrong } from './fields.js';
import { type PatternOptions, pattern, replacementGrowth } from './patterns.js';

/** How one type of component is checked. */
interface Component {
  readonly fields?: Checks;
  /** Name of the field that lists nested components. */
  readonly children?: string;
  /** Returns the largest factor by which it lengthens a text. Default 1. */
  readonly growth?: (json: Json) => number;
}

/** Supported components by their `type`. */
export type Components = Readonly<Record<string, Component>>;

/** Published tokenizers have a handful; a long chain could make a short text extremely long. */
const MOST_COMPONENTS = 32;
const MOST_GROWTH = 64;
const BYTES_OF_LETTER = 3; // a code unit of UTF-16 is at most so many bytes of UTF-8, each of which becomes a letter

const length = (value: unknown, fallback: number): number => (isText(value) ? value.length : fallback);
const emptyGrows =
  (...fields: string[]) =>
  (json: Json): number =>
    fields.some((field) => length(json[field], 0) === 0) ? 2 : 1;

const behavior = optional(
  word(
    /^(removed|isolated|mergedwithprevious|mergedwithnext|contiguous)$/i,
    'Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous',
  ),
);
const byteLevel = { add_prefix_space: flag, trim_offsets: flag, use_regex: flag };
const metaspace: Component = {
  fields: {
    replacement: optional(text),
    str_rep: optional(text),
    prepend_scheme: optional(word(/^(always|first|never)$/, 'always, first or never')),
    add_prefix_space: flag,
    split: flag,
  },
  growth: (json) =>
    Math.max(
      length(json.replacement, 1),
      length(json.str_rep, 1),
      emptyGrows('replacement')({ replacement: '▁', ...json }),
    ),
};

const replaceWith = (options: PatternOptions): Component => ({
  fields: { pattern: pattern(options), content: optional(text) },
  growth: replacementGrowth,
});

export const normalizers = (options: PatternOptions): Components => ({
  Sequence: { children: 'normalizers' },
  BertNormalizer: {
    fields: { clean_text: flag, handle_chinese_chars: flag, strip_accents: flag, lowercase: flag },
    growth: () => 3,
  },
  Precompiled: { fields: { precompiled_charsmap: optional(() => {}) } },
  Replace: replaceWith(options),
  NFC: {},
  NFD: {},
  NFKC: {},
  NFKD: {},
  Strip: { fields: { strip_left: flag, strip_right: flag } },
  StripAccents: {},
  Lowercase: {},
  Prepend: { fields: { prepend: text } },
});

export const preTokenizers = (options: PatternOptions): Components => ({
  Sequence: { children: 'pretokenizers' },
  BertPreTokenizer: {},
  Whitespace: {},
  WhitespaceSplit: {},
  Metaspace: metaspace,
  ByteLevel: { fields: byteLevel, growth: () => BYTES_OF_LETTER },
  Split: { fields: { pattern: pattern(options), behavior, invert: flag } },
  Punctuation: { fields: { behavior } },
  Digits: { fields: { individual_digits: flag } },
  Replace: replaceWith(options),
  FixedLength: { fields: { length: count(1, 2 ** 16) } },
});

export const decoders = (options: PatternOptions): Components => ({
  Sequence: { children: 'decoders' },
  ByteLevel: { fields: byteLevel },
  WordPiece: { fields: { prefix: optional(text), cleanup: flag }, growth: () => 2 },
  Metaspace: metaspace,
  BPEDecoder: { fields: { suffix: optional(text) }, growth: emptyGrows('suffix') },
  CTC: {
    fields: { pad_token: optional(text), word_delimiter_token: optional(text), cleanup: flag },
    growth: emptyGrows('word_delimiter_token'),
  },
  Replace: replaceWith(options),
  Fuse: {},
  Strip: { fields: { content: optional(text), start: optional(count(0, 2 ** 16)), stop: optional(count(0, 2 ** 16)) } },
  ByteFallback: {},
});

/**
 * Checks a component and those nested in it; null means none.
 * @throws Error naming the field that is invalid
 */
export function checkComponents(value: unknown, at: string, table: Components): void {
  let left = MOST_COMPONENTS;
  const walk = (one: unknown, here: string): number => {
    if (left-- === 0) throw new Error(`The tokenizer's ${at} has more than ${MOST_COMPONENTS} components.`);
    const json = record(one, here);
    const { type } = json;
    const component = isText(type) && Object.hasOwn(table, type) ? table[type] : undefined;
    if (!component) throw wrong(`${here}.type`, `one of ${Object.keys(table).join(', ')}`, type);
    checkFields(json, here, component.fields ?? {});
    const { children } = component;
    const parts = children ? list(json[children] ?? [], `${here}.${children}`, MOST_COMPONENTS) : [];
    const growth = parts.reduce<number>(
      (product, part, i) => product * walk(part, `${here}.${children}[${i}]`),
      component.growth?.(json) ?? 1,
    );
    if (growth <= MOST_GROWTH) return growth;
    throw new Error(`The tokenizer's ${here} could make a text more than ${MOST_GROWTH} times longer: ${show(one)}.`);
  };
  if (value !== undefined && value !== null) walk(value, at);
}
