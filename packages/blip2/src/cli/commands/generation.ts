import type { GenerationOptions } from '@blip2/models';
import { type DecodingPreset, type DecodingPresetName, decodingPresets } from '@blip2/models';
import { type Command, Option } from 'commander';
import { UsageError } from '../errors.js';
import { count, modelOption, number, type Shared, several, whole } from '../options.js';
import type { Session } from '../session.js';

/** Options of the commands that make text. */
export interface Speaking extends Shared {
  readonly model: string;
  readonly preset?: DecodingPresetName;
  readonly beams?: number;
  readonly maxNewTokens?: number;
  readonly minNewTokens?: number;
  readonly lengthPenalty?: number;
  readonly repetitionPenalty?: number;
  readonly sample?: boolean;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly numSequences?: number;
  readonly stop?: readonly (number | string)[];
  readonly stream?: boolean;
}

export interface SpeakingDefaults {
  readonly task: 'caption' | 'ask';
  readonly tokens: number;
  readonly lengthPenalty: number;
}

export function generationMethods(command: Command, { task, tokens, lengthPenalty }: SpeakingDefaults): Command {
  const presets = Object.entries<DecodingPreset>(decodingPresets).filter(([, one]) => [task, 'any'].includes(one.task));
  return command
    .addOption(modelOption())
    .addOption(
      new Option('--preset <name>', 'prompt, beams, penalties and lengths that a name stands for').choices(
        presets.map(([name]) => name),
      ),
    )
    .option('--beams <n>', 'width of the beam search; 1 is greedy (default: 5, 1 when sampling)', count)
    .option('--max-new-tokens <n>', `longest text (default: ${tokens})`, count)
    .option('--min-new-tokens <n>', 'shortest text (default: 0)', whole)
    .option('--length-penalty <x>', `above 0 favors long texts (default: ${lengthPenalty})`, number)
    .option('--repetition-penalty <x>', 'above 1 avoids what was said (default: 1)', number)
    .option('--sample', 'draw tokens by their probabilities; --seed says which')
    .option('--temperature <x>', 'of sampling: above 1 is bolder (default: 1)', number)
    .option('--top-k <n>', 'of sampling: only the n likeliest tokens; 0 for all (default: 50)', whole)
    .option('--top-p <x>', 'of sampling: only the likeliest tokens with this probability together (default: 1)', number)
    .option('--num-sequences <n>', 'how many texts (default: 1)', count)
    .option('--stop <token>', 'a token, or its id, that ends a text too; may be given again', several(stop))
    .option('--stream', 'show the text as it comes, by one beam');
}

/** @throws UsageError for options that do not go together */
export function speakOptions(
  options: Speaking,
  { signal }: Session,
): GenerationOptions & { preset?: DecodingPresetName } {
  const { preset, seed, stream, json } = options;
  const drawn = options.sample ?? (preset && (decodingPresets[preset] as DecodingPreset).all.sample);
  for (const [name, flag] of [
    ['temperature', '--temperature'],
    ['topK', '--top-k'],
    ['topP', '--top-p'],
  ] as const) {
    if (options[name] !== undefined && !drawn) throw new UsageError(`${flag} is for sampling; add --sample.`);
  }
  if (stream && json) throw new UsageError('--stream is for reading; leave it out with --json.');
  if (stream && ((options.beams ?? 1) > 1 || (options.numSequences ?? 1) > 1))
    throw new UsageError('--stream shows one text by one beam; leave out --beams and --num-sequences.');
  return {
    ...(preset && { preset }),
    beams: options.beams,
    maxNewTokens: options.maxNewTokens,
    minNewTokens: options.minNewTokens,
    lengthPenalty: options.lengthPenalty,
    repetitionPenalty: options.repetitionPenalty,
    sample: options.sample,
    temperature: options.temperature,
    topK: options.topK,
    topP: options.topP,
    returnSequences: options.numSequences,
    stop: options.stop,
    seed,
    signal,
  };
}

/** A whole number is an id; `\\n` and `\\t` are what they are elsewhere. */
const stop = (text: string): number | string =>
  /^\d+$/.test(text) ? Number(text) : text.replaceAll('\\n', '\n').replaceAll('\\t', '\t');

/** Shows a text as it comes. */
export async function show(pieces: AsyncIterable<string>, session: Session): Promise<void> {
  for await (const piece of pieces) session.piece(piece);
  session.piece('\n');
}
