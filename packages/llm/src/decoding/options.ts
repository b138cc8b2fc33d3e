import type { LanguageModel } from '../language-model.js';

export interface DecodingOptions {
  /** Width of the beam search. 1, the default, is greedy search, or plain sampling. */
  readonly beams?: number | undefined;
  /** At most so many new tokens, the one that ends the text included. Default 20. */
  readonly maxNewTokens?: number | undefined;
  /** No end before so many new tokens. Default 0. */
  readonly minNewTokens?: number | undefined;
  /** A text's score is its log-probability divided by its number of new tokens to this power. Default 1. */
  readonly lengthPenalty?: number | undefined;
  /** Above 1 lowers the scores of tokens that came before (CTRL, Keskar et al. 2019, section 4.1). Default 1. */
  readonly repetitionPenalty?: number | undefined;
  /**
   * Tokens that the repetition penalty counts as having come before, one list a row: recent Hugging Face releases
   * count the prompt's ids, image tokens included; the original code counts one BOS. Default: none.
   */
  readonly history?: readonly (readonly number[])[] | undefined;
  /** Any of them ends a text. Default: the model's. */
  readonly eosIds?: readonly number[] | undefined;
  /** Tokens that are never said. Default: none. */
  readonly suppressIds?: readonly number[] | undefined;
  /**
   * How many texts of each row are given back: the best ones of at most `beams`, or, of sampling with one beam, as many
   * as are asked for, in the order of their drawing. Default 1.
   */
  readonly returnSequences?: number | undefined;
  /**
   * When a row of a beam search ends: `false`, when the best running beam could not beat the worst finished one at
   * its present length; `true`, as soon as there are `beams` finished ones; `'never'`, when it could not at any length.
   */
  readonly earlyStopping?: boolean | 'never' | undefined;
  /** Which release of Hugging Face's transformers a beam search follows where they differ (`beam-rules.ts`). Default '5'. */
  readonly beamRules?: BeamRulesName | undefined;
  /** Draws tokens by their probabilities instead of taking the likeliest; with several beams, what goes on is drawn. Default false. */
  readonly sample?: boolean | undefined;
  /** Of sampling: below 1 sharpens the distribution, above 1 flattens it. Default 1. */
  readonly temperature?: number | undefined;
  /** Of sampling: only the so many likeliest tokens are drawn (Fan et al. 2018); 0 for all. Default 50, as in Hugging Face. */
  readonly topK?: number | undefined;
  /** Of sampling: only the likeliest tokens that together have this probability are drawn (Holtzman et al. 2020). Default 1, all. */
  readonly topP?: number | undefined;
  /** Of sampling: the same seed draws the same texts. Default 0. */
  readonly seed?: number | undefined;
  /** Stops the work between two tokens: the call then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export type BeamRulesName = '5' | '4.33';

/** One text that was made. */
export interface Sequence {
  /** The new tokens, the one that ended it included. */
  readonly ids: number[];
  /** The log-probability of the ids as the penalties left it, divided by their number to the power of the length penalty. */
  readonly score: number;
}

type Chosen = { readonly [K in keyof DecodingOptions]-?: NonNullable<DecodingOptions[K]> };

/** Options of which each has been chosen, by the caller or by default. */
export type Settings = Omit<Chosen, 'history' | 'signal'> & Pick<Required<DecodingOptions>, 'history' | 'signal'>;

/** The options with their defaults. @throws naming the option that makes no sense. */
export function settingsOf(model: Pick<LanguageModel, 'ids'>, options: DecodingOptions): Settings {
  const settings: Settings = {
    beams: options.beams ?? 1,
    maxNewTokens: options.maxNewTokens ?? 20,
    minNewTokens: options.minNewTokens ?? 0,
    lengthPenalty: options.lengthPenalty ?? 1,
    repetitionPenalty: options.repetitionPenalty ?? 1,
    history: options.history,
    eosIds: options.eosIds ?? model.ids.eos,
    suppressIds: options.suppressIds ?? [],
    returnSequences: options.returnSequences ?? 1,
    earlyStopping: options.earlyStopping ?? false,
    beamRules: options.beamRules ?? '5',
    sample: options.sample ?? false,
    temperature: options.temperature ?? 1,
    topK: options.topK ?? 50,
    topP: options.topP ?? 1,
    seed: options.seed ?? 0,
    signal: options.signal,
  };
  check(settings);
  return settings;
}

function check(settings: Settings): void {
  const { beams, sample, returnSequences, minNewTokens, maxNewTokens, temperature, topP } = settings;
  atLeast(settings, 'beams', 1);
  atLeast(settings, 'maxNewTokens', 1);
  atLeast(settings, 'minNewTokens', 0);
  atLeast(settings, 'returnSequences', 1);
  atLeast(settings, 'topK', 0);
  if (returnSequences > beams && !(sample && beams === 1)) {
    throw new Error(
      `returnSequences is ${returnSequences} but there are only ${beams} beams; raise beams, or sample with one.`,
    );
  }
  if (minNewTokens > maxNewTokens) {
    throw new Error(
      `minNewTokens is ${minNewTokens} but maxNewTokens only ${maxNewTokens}; lower one or raise the other.`,
    );
  }
  if (!(settings.repetitionPenalty > 0)) {
    throw new Error(`repetitionPenalty must be above 0, not ${settings.repetitionPenalty}.`);
  }
  if (!Number.isFinite(settings.lengthPenalty)) {
    throw new Error(`lengthPenalty must be a finite number, not ${settings.lengthPenalty}.`);
  }
  if (!(temperature > 0 && temperature < Number.POSITIVE_INFINITY)) {
    throw new Error(`temperature must be above 0, not ${temperature}; for the likeliest tokens do not sample.`);
  }
  if (!(topP > 0 && topP <= 1)) throw new Error(`topP must be above 0 and at most 1, not ${topP}.`);
  if (!Number.isSafeInteger(settings.seed)) throw new Error(`seed must be a whole number, not ${settings.seed}.`);
}

type Count = 'beams' | 'maxNewTokens' | 'minNewTokens' | 'returnSequences' | 'topK';

function atLeast(settings: Settings, name: Count, least: number): void {
  const value = settings[name];
  if (!Number.isInteger(value) || value < least) {
    throw new Error(`${name} must be a whole number of at least ${least}, not ${value}.`);
  }
}

/** The history of one row. @throws when there are histories, but not one for each row. */
export function historyOf({ history }: Settings, row: number, rows: number): readonly number[] {
  if (!history) return [];
  if (history.length !== rows)
    throw new Error(`There are ${history.length} histories for ${rows} rows; give one a row.`);
  return history[row] as readonly number[];
}
