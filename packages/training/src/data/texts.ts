import { type PaddedBatch, padBatch, type Tokenizer, toIdTensors } from '@blip2/data';
import type { LanguageModel, SpecialIds } from '@blip2/llm';
import type * as tf from '@tensorflow/tfjs';

/** Options of tokenizing texts for the Q-Former. */
export interface TextOptions {
  /** The Q-Former's tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Maximum number of tokens of a text, [CLS] and [SEP] included. */
  readonly textLength: number;
}

/** Token ids and attention mask, both int32 [B,L]. */
export interface TextTensors {
  readonly ids: tf.Tensor2D;
  readonly mask: tf.Tensor2D;
}

/** Tokenizes texts for the Q-Former, `[CLS] … [SEP]`, padded on the right, truncated before [SEP]; the caller owns the tensors. */
export const textTensors = (texts: readonly string[], options: TextOptions): TextTensors =>
  toIdTensors(padTexts(texts, options));

/** Tokenizes and pads texts as `textTensors` does, without tensors. */
export function padTexts(texts: readonly string[], { tokenizer, textLength }: TextOptions): PaddedBatch {
  const rows = texts.map((text) => shortened(tokenizer.encode(text), textLength));
  return padBatch(rows, { pad: tokenizer.special.pad ?? 0 });
}

const shortened = (ids: readonly number[], length: number): readonly number[] =>
  ids.length <= length ? ids : [...ids.slice(0, length - 1), ...ids.slice(-1)];

/** Tokenizes instructions for the Q-Former, truncated on the left but for the first token; the caller owns the tensors. */
export function instructionTensors(texts: readonly string[], { tokenizer, textLength }: TextOptions): TextTensors {
  const rows = texts.map((text) => {
    const ids = tokenizer.encode(text);
    return ids.length <= textLength ? ids : [...ids.slice(0, 1), ...ids.slice(ids.length - textLength + 1)];
  });
  return toIdTensors(padBatch(rows, { pad: tokenizer.special.pad ?? 0 }));
}

/** What tokenizing prompts needs of a language model; every `LanguageModelWithTokenizer` has it. */
export interface PromptTokenizer {
  readonly tokenizer: Tokenizer;
  readonly ids: SpecialIds;
  /** Default: `decoder`. */
  readonly kind?: LanguageModel['kind'];
}

/** Tokenizes a prompt as it follows a soft prompt, with the tokenizer's special tokens; an empty prompt is BOS alone. */
export const promptTokens = (prompt: string, { tokenizer, ids }: PromptTokenizer): number[] =>
  prompt === '' ? [ids.bos] : tokenizer.encode(prompt);

/** Pads tokenized prompts: on the left for a decoder-only model, on the right for an encoder. */
export const padPrompts = (rows: readonly (readonly number[])[], { ids, kind }: PromptTokenizer): PaddedBatch =>
  padBatch(rows, { pad: ids.pad, side: kind === 'encoder-decoder' ? 'right' : 'left' });
