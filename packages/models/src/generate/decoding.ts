import type { Tokenizer } from '@blip2/data';
import type { DecodingOptions, LanguageModel } from '@blip2/llm';

/** How a text is searched for, or drawn. */
export interface GenerationOptions extends Omit<DecodingOptions, 'history'> {
  /** What ends a text beside the model's own ends: ids, or texts of one token each. */
  readonly stop?: readonly (number | string)[] | undefined;
  /**
   * Whether the repetition penalty counts the ids of image and prompt, as Hugging Face does, or only the token that a
   * decoder starts with, as LAVIS. Default true.
   */
  readonly countPrompt?: boolean | undefined;
}

/** What can say something. */
export interface DecodingContext {
  readonly language: Pick<LanguageModel, 'ids' | 'vocabSize'>;
  readonly tokenizer: Tokenizer;
  readonly imageToken?: number | undefined;
}

/**
 * The options as the language model's decoder takes them.
 * @param history the ids of image and prompt, one list a row
 * @throws for a stop that is no token
 */
export function decodingOptions(
  voice: DecodingContext,
  { stop = [], countPrompt = true, ...options }: GenerationOptions,
  history: readonly (readonly number[])[],
): DecodingOptions {
  const { bos, eos, decoderStart = bos } = voice.language.ids;
  return {
    ...options,
    history: countPrompt ? history : history.map(() => [decoderStart]),
    eosIds: stop.length === 0 ? options.eosIds : [...(options.eosIds ?? eos), ...stop.map((end) => stopId(voice, end))],
    suppressIds: options.sample ? [...(options.suppressIds ?? []), ...suppressedIds(voice)] : options.suppressIds,
  };
}

/** What must not be drawn: the token that stands for images, and rows that fill up the tables after the last token. */
export function suppressedIds({ language, tokenizer, imageToken }: DecodingContext): number[] {
  const ids = imageToken === undefined ? [] : [imageToken];
  for (let id = language.vocabSize - 1; id >= 0 && tokenizer.token(id) === undefined; id--) ids.push(id);
  return ids;
}

function stopId({ language, tokenizer }: DecodingContext, stop: number | string): number {
  if (typeof stop === 'number') {
    if (Number.isInteger(stop) && stop >= 0 && stop < language.vocabSize) return stop;
    throw new Error(`The stop ${stop} is no id of this model; ids are whole numbers below ${language.vocabSize}.`);
  }
  const ids = tokenizer.id(stop) ?? tokenizer.encode(stop, { addSpecialTokens: false });
  if (typeof ids === 'number') return ids;
  if (ids.length === 1) return ids[0] as number;
  throw new Error(
    `The stop ${JSON.stringify(stop)} is ${ids.length} tokens of this model; give a text that is one, or an id.`,
  );
}
