import { type PaddedBatch, padBatch, type Tokenizer, toIdTensors } from '@blip2/data';
import type { LanguageModel, SpecialIds } from '@blip2/llm';
import type * as tf from '@tensorflow/tfjs';

export interface TextOptions {
  readonly tokenizer: Tokenizer;
  /** Longest text in tokens, [CLS] and [SEP] included. */
  readonly textLength: number;
}

/** Ids and keep mask, int32 [B,L] both. */
export interface TextTensors {
  readonly ids: tf.Tensor2D;
  readonly mask: tf.Tensor2D;
}

/** Texts as the Q-Former reads them: `[CLS] … [SEP]`, padded on the right; the caller owns the tensors. */
export const textTensors = (texts: readonly string[], options: TextOptions): TextTensors =>
  toIdTensors(padTexts(texts, options));

/** The same before they are tensors. Of a text that is too long the end goes, but not the [SEP] after it. */
export function padTexts(texts: readonly string[], { tokenizer, textLength }: TextOptions): PaddedBatch {
  const rows = texts.map((text) => shortened(tokenizer.encode(text), textLength));
  return padBatch(rows, { pad: tokenizer.special.pad ?? 0 });
}

const shortened = (ids: readonly number[], length: number): readonly number[] =>
  ids.length <= length ? ids : [...ids.slice(0, length - 1), ...ids.slice(-1)];

/** Instructions as the Q-Former reads them. Of one that is too long the beginning goes, but not the first token. */
export function instructionTensors(texts: readonly string[], { tokenizer, textLength }: TextOptions): TextTensors {
  const rows = texts.map((text) => {
    const ids = tokenizer.encode(text);
    return ids.length <= textLength ? ids : [...ids.slice(0, 1), ...ids.slice(ids.length - textLength + 1)];
  });
  return toIdTensors(padBatch(rows, { pad: tokenizer.special.pad ?? 0 }));
}

/** What is needed to write in a language model's words; a `LanguageModelWithTokenizer` has it. */
export interface PromptTokenizer {
  readonly tokenizer: Tokenizer;
  readonly ids: SpecialIds;
  /** Default: a decoder alone. */
  readonly kind?: LanguageModel['kind'];
}

/** The ids of a prompt as they follow a soft prompt: the text with what the tokenizer puts around it; never none. */
export const promptTokens = (prompt: string, { tokenizer, ids }: PromptTokenizer): number[] =>
  prompt === '' ? [ids.bos] : tokenizer.encode(prompt);

/** Such rows padded on the left, where the text goes on from them, or for an encoder on the right. */
export const padPrompts = (rows: readonly (readonly number[])[], { ids, kind }: PromptTokenizer): PaddedBatch =>
  padBatch(rows, { pad: ids.pad, side: kind === 'encoder-decoder' ? 'right' : 'left' });
