import type { LanguageModel } from '../language-model.js';

/** Options of `generate`, in the terms of transformers' `GenerationConfig`. */
export interface DecodingOptions {
  /** Number of beams. 1, the default, is greedy search or plain sampling. */
  readonly beams?: number | undefined;
  /** Maximum number of new tokens, EOS included. Default 20. */
  readonly maxNewTokens?: number | undefined;
  /** Minimum number of new tokens before EOS. Default 0. */
  readonly minNewTokens?: number | undefined;
  /** Exponent of the number of new tokens by which a text's log-probability is divided to give its score. Default 1. */
  readonly lengthPenalty?: number | undefined;
  /** Factor above 1 that lowers the scores of tokens that occurred before (CTRL, Keskar et al. 2019, section 4.1). Default 1. */
  readonly repetitionPenalty?: number | undefined;
  /**
   * Tokens that the repetition penalty counts as having occurred before, one list per row: recent releases of transformers
   * count the prompt's ids, image tokens included; LAVIS counts one BOS. Default: none.
   */
  readonly history?: readonly (readonly number[])[] | undefined;
  /** Token ids of which each ends a text. Default: the model's. */
  readonly eosIds?: readonly number[] | undefined;
  /** Token ids that are never generated. Default: none. */
  readonly suppressIds?: readonly number[] | undefined;
  /**
   * Number of texts that are returned for each row: the best, at most `beams`; or with sampling and one beam independent
   * samples, in the order of their drawing. Default 1.
   */
  readonly returnSequences?: number | undefined;
  /**
   * When a row of a beam search ends: `false`, when the best running beam could not beat the worst finished one at
   * its present length; `true`, as soon as there are `beams` finished ones; `'never'`, when it could not at any length.
   */
  readonly earlyStopping?: boolean | 'never' | undefined;
  /** Which release of Hugging Face's transformers a beam search follows where they differ (`beam-rules.ts`). Default '5'. */
  readonly beamRules?: BeamRulesName | undefined;
  /** Draw tokens by their probabilities instead of taking the most likely; with several beams, draw candidates. Default false. */
  readonly sample?: boolean | undefined;
  /** Temperature of sampling: below 1 sharpens the distribution, above 1 flattens it. Default 1. */
  readonly temperature?: number | undefined;
  /** Top-k sampling: keep only the k most likely tokens (Fan et al. 2018); 0 keeps all. Default 50, as in transformers. */
  readonly topK?: number | undefined;
  /** Nucleus sampling: keep the smallest set of tokens whose probabilities sum to p (Holtzman et al. 2020). Default 1, all. */
  readonly topP?: number | undefined;
  /** Seed of sampling. Default 0. */
  readonly seed?: number | undefined;
  /** Aborts between two tokens: the call then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A release of transformers whose beam search is followed. */
export type BeamRulesName = '5' | '4.33';

/** A generated text. */
export interface Sequence {
  /** The new token ids, EOS included. */
  readonly ids: number[];
  /** The log-probability of the ids after penalties, divided by their number to the power of `lengthPenalty`. */
  readonly score: number;
}

type Chosen = { readonly [K in keyof DecodingOptions]-?: NonNullable<DecodingOptions[K]> };

/** Options with their defaults filled in. */
export type Settings = Omit<Chosen, 'history' | 'signal'> & Pick<Required<DecodingOptions>, 'history' | 'signal'>;

/** Fills in the defaults of options. @throws naming an option whose value is invalid */
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
    throw new Error(`temperature must be above 0, not ${temperature}; for the most likely tokens do not sample.`);
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
