import { type Json, show } from '@blip2/tensor';
import { isText, record, someText } from './fields.js';

/** The regular expressions of published tokenizers. Any other might take exponential time on some text. */
const known: readonly string[] = [
  // GPT-2, OPT, RoBERTa
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  // CLIP
  String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  // Llama 3
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  // Qwen 2
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  // T5, XLM-RoBERTa: several spaces
  ' {2,}',
  // CLIP: white space
  String.raw`\s+`,
  String.raw`\s`,
  String.raw`\d`,
  String.raw`\d+`,
  '[0-9]',
  String.raw`\p{N}`,
];

export interface PatternOptions {
  /** Whether unknown regular expressions are accepted, for trusted files. */
  readonly trustPatterns?: boolean;
}

/** Checks a pattern: a literal text or a known regular expression. */
export const pattern =
  ({ trustPatterns = false }: PatternOptions) =>
  (value: unknown, at: string): void => {
    const { String: text, Regex: regex } = record(value, at);
    if (regex === undefined || regex === null) someText(text, `${at}.String`);
    else if (!isText(regex) || !(trustPatterns || known.includes(regex))) {
      throw new Error(
        `The tokenizer's ${at} is the regular expression ${show(regex)}, which no published tokenizer has and which may take exponential time: give trustPatterns if you trust the file.`,
      );
    }
  };

/** Returns the largest factor by which a replacement lengthens a text. */
export function replacementGrowth({ pattern: value, content }: Json): number {
  const { String: text } = record(value, 'pattern');
  const length = isText(content) ? content.length : 0;
  return Math.max(1, length / (isText(text) ? text.length : 1));
}
