import type { Tokenizer } from '@blip2/data';
import type { DecodingOptions, LanguageModel } from '@blip2/llm';

/** How text is generated: beam search or sampling, lengths, penalties, and what ends it. */
export interface GenerationOptions extends Omit<DecodingOptions, 'history'> {
  /** What ends a text in addition to the model's end-of-text ids: ids, or texts of one token each. */
  readonly stop?: readonly (number | string)[] | undefined;
  /**
   * Whether the repetition penalty counts the image tokens and the prompt, as transformers does, or only the decoder's
   * start token, as LAVIS does. Default true.
   */
  readonly countPrompt?: boolean | undefined;
}

/** The parts of a generation model that stop tokens and suppressed tokens depend on. */
export interface DecodingContext {
  readonly language: Pick<LanguageModel, 'ids' | 'vocabSize'>;
  readonly tokenizer: Tokenizer;
  readonly imageToken?: number | undefined;
}

/**
 * Converts options to those of `generate` in `@blip2/llm`.
 * @param history for each text, the ids of the image tokens and the prompt
 * @throws for a stop that is not a single token
 */
export function decodingOptions(
  context: DecodingContext,
  { stop = [], countPrompt = true, ...options }: GenerationOptions,
  history: readonly (readonly number[])[],
): DecodingOptions {
  const { bos, eos, decoderStart = bos } = context.language.ids;
  return {
    ...options,
    history: countPrompt ? history : history.map(() => [decoderStart]),
    eosIds:
      stop.length === 0 ? options.eosIds : [...(options.eosIds ?? eos), ...stop.map((end) => stopId(context, end))],
    suppressIds: options.sample ? [...(options.suppressIds ?? []), ...suppressedIds(context)] : options.suppressIds,
  };
}

/** The ids that must not be sampled: the image token, and the rows that pad the vocabulary after the last token. */
export function suppressedIds({ language, tokenizer, imageToken }: DecodingContext): number[] {
  const ids = imageToken === undefined ? [] : [imageToken];
  for (let id = language.vocabSize - 1; id >= 0 && tokenizer.token(id) === undefined; id--) ids.push(id);
  return ids;
}

function stopId({ language, tokenizer }: DecodingContext, stop: number | string): number {
  if (typeof stop === 'number') {
    if (Number.isInteger(stop) && stop >= 0 && stop < language.vocabSize) return stop;
    throw new Error(`The stop ${stop} is not an id of this model; ids are whole numbers below ${language.vocabSize}.`);
  }
  const ids = tokenizer.id(stop) ?? tokenizer.encode(stop, { addSpecialTokens: false });
  if (typeof ids === 'number') return ids;
  if (ids.length === 1) return ids[0] as number;
  throw new Error(
    `The stop ${JSON.stringify(stop)} is ${ids.length} tokens of this model; give a text that is one, or an id.`,
  );
}
