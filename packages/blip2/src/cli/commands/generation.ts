import type { DecodingPresetName, decodingPresets, GenerationOptions } from '@blip2/models';
import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { COUNT, choiceOption, modelOption, numberOption, repeatedOption, type SharedOptions } from '../options.js';
import { addOwnModelOptions, type OwnModelFlags } from '../own-models.js';
import type { Session } from '../session.js';

/** Options by which text is searched for. */
export interface SearchFlags {
  readonly decoding?: DecodingPresetName;
  readonly beams?: number;
  readonly maxNewTokens?: number;
  readonly minNewTokens?: number;
  readonly lengthPenalty?: number;
  readonly repetitionPenalty?: number;
}

/** Options of the commands that generate text. */
export interface GenerationFlags extends SharedOptions, OwnModelFlags, SearchFlags {
  readonly model?: string;
  readonly sample?: boolean;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly numSequences?: number;
  readonly stop?: readonly (number | string)[];
  readonly stream?: boolean;
}

/** A command's task, and its defaults where there is no decoding preset. */
export interface GenerationTask {
  readonly task: 'caption' | 'ask';
  readonly maxNewTokens: number;
  readonly lengthPenalty: number;
}

type Sampling<Name extends DecodingPresetName> = (typeof decodingPresets)[Name]['all'] extends { sample: true }
  ? true
  : false;

/** What options are checked by, of each decoding preset; the presets themselves are loaded with the model. */
const presets = {
  caption: { task: 'caption', sample: false },
  captionLavis: { task: 'caption', sample: false },
  captionNucleus: { task: 'caption', sample: true },
  captionCoco: { task: 'caption', sample: false },
  captionNoCaps: { task: 'caption', sample: false },
  vqa: { task: 'ask', sample: false },
  vqaLavis: { task: 'ask', sample: false },
  instruct: { task: 'any', sample: false },
} as const satisfies {
  readonly [Name in DecodingPresetName]: {
    readonly task: (typeof decodingPresets)[Name]['task'];
    readonly sample: Sampling<Name>;
  };
};

const presetsOf = (task: GenerationTask['task']): string[] =>
  Object.entries(presets)
    .filter(([, preset]) => preset.task === task || preset.task === 'any')
    .map(([name]) => name);

/** The decoding presets that search, for whatever task. */
export const searchPresets: readonly string[] = Object.entries(presets)
  .filter(([, preset]) => !preset.sample)
  .map(([name]) => name);

/**
 * Adds the options by which text is searched for.
 * @param defaults what the help says of each default
 */
export function addSearchOptions(
  command: Command,
  names: readonly string[],
  defaults: { readonly beams: string; readonly maxNewTokens: string | number; readonly lengthPenalty: string | number },
): Command {
  return command
    .addOption(choiceOption('--decoding <name>', 'decoding preset: prompt, beams, penalties and lengths', names))
    .addOption(numberOption('--beams <n>', `number of beams; 1 is greedy search (default: ${defaults.beams})`, COUNT))
    .addOption(
      numberOption('--max-new-tokens <n>', `maximum number of new tokens (default: ${defaults.maxNewTokens})`, COUNT),
    )
    .addOption(
      numberOption('--min-new-tokens <n>', 'minimum number of new tokens (default: 0)', { integer: true, min: 0 }),
    )
    .addOption(
      numberOption(
        '--length-penalty <x>',
        `beam search: above 0 favors long texts (default: ${defaults.lengthPenalty})`,
      ),
    )
    .addOption(
      numberOption('--repetition-penalty <x>', 'above 1 penalizes tokens that occurred before (default: 1)', {
        above: 0,
      }),
    );
}

/** Adds the options of the commands that generate text. */
export function addGenerationOptions(command: Command, { task, maxNewTokens, lengthPenalty }: GenerationTask): Command {
  const sampling = 'with --sample:';
  const defaults = { beams: '5, or 1 with --sample', maxNewTokens, lengthPenalty };
  return addSearchOptions(
    addOwnModelOptions(command.addOption(modelOption()), ['vision', 'language']),
    presetsOf(task),
    defaults,
  )
    .option('--sample', 'sample tokens by their probabilities; --seed makes it reproducible')
    .addOption(
      numberOption('--temperature <x>', `${sampling} divides the logits; above 1 is more random (default: 1)`, {
        above: 0,
      }),
    )
    .addOption(
      numberOption('--top-k <k>', `${sampling} keep the k most probable tokens; 0 keeps all (default: 50)`, {
        integer: true,
        min: 0,
      }),
    )
    .addOption(
      numberOption(
        '--top-p <p>',
        `${sampling} nucleus sampling, keep the smallest set of tokens whose probabilities sum to p (default: 1)`,
        { above: 0, max: 1 },
      ),
    )
    .addOption(numberOption('--num-sequences <n>', 'number of texts to return (default: 1)', COUNT))
    .addOption(repeatedOption('--stop <token>', 'a token, or its id, that ends a text too; may be repeated', stopToken))
    .option('--stream', 'print the text while it is generated, by greedy search or sampling');
}

/**
 * The options of a call that generates text.
 * @throws UsageError for options that exclude each other
 */
export function generationOptions(
  flags: GenerationFlags,
  { maxNewTokens }: GenerationTask,
  { signal }: Session,
): GenerationOptions & { readonly decoding: DecodingPresetName | undefined } {
  checkSampling(flags);
  checkStream(flags);
  checkLengths(flags, maxNewTokens);
  return {
    decoding: flags.decoding,
    beams: flags.beams,
    maxNewTokens: flags.maxNewTokens,
    minNewTokens: flags.minNewTokens,
    lengthPenalty: flags.lengthPenalty,
    repetitionPenalty: flags.repetitionPenalty,
    sample: flags.sample,
    temperature: flags.temperature,
    topK: flags.topK,
    topP: flags.topP,
    returnSequences: flags.numSequences,
    stop: flags.stop,
    seed: flags.seed,
    signal,
  };
}

function checkSampling({ decoding, sample, beams, numSequences = 1, ...flags }: GenerationFlags): void {
  const sampled = sample || (decoding !== undefined && presets[decoding].sample);
  for (const [key, flag] of [
    ['temperature', '--temperature'],
    ['topK', '--top-k'],
    ['topP', '--top-p'],
  ] as const) {
    if (flags[key] !== undefined && !sampled) throw new UsageError(`${flag} needs sampling; add --sample.`);
  }
  const width = beams ?? (sample && decoding === undefined ? 1 : 5);
  if (numSequences > width && !(sampled && width === 1)) {
    throw new UsageError(`--num-sequences ${numSequences} needs as many beams; raise --beams, or --sample with one.`);
  }
}

function checkStream({ stream, json, beams = 1, numSequences = 1 }: GenerationFlags): void {
  if (!stream) return;
  if (json) throw new UsageError('--stream prints text as it is generated; leave it out with --json.');
  if (beams > 1 || numSequences > 1) {
    throw new UsageError('--stream prints one text of one beam; leave out --beams and --num-sequences.');
  }
}

/** @throws UsageError for a minimum length above the maximum. @param byDefault the maximum where none is given */
export function checkLengths(
  { decoding, minNewTokens = 0, maxNewTokens }: Pick<GenerationFlags, 'decoding' | 'minNewTokens' | 'maxNewTokens'>,
  byDefault: number,
): void {
  const most = maxNewTokens ?? (decoding === undefined ? byDefault : undefined);
  if (most !== undefined && minNewTokens > most) {
    throw new UsageError(`--min-new-tokens ${minNewTokens} is above --max-new-tokens ${most}; lower it or raise that.`);
  }
}

/** @throws UsageError for a template of questions without a place for the question */
export function checkTemplate(template: string | undefined): void {
  if (template === undefined || template.includes('{}')) return;
  throw new UsageError(`--template must have {} for the question, not '${template}'.`);
}

/** Digits are a token's id; `\\n` and `\\t` stand for a newline and a tab. */
function stopToken(text: string): number | string {
  if (text === '') throw new UsageError('--stop must be a token or its id, not an empty text.');
  return /^\d+$/.test(text) ? Number(text) : text.replaceAll('\\n', '\n').replaceAll('\\t', '\t');
}

/** Prints a text while it is generated. */
export async function printStream(pieces: AsyncIterable<string>, session: Session): Promise<void> {
  for await (const piece of pieces) session.piece(piece);
  session.piece('\n');
}
