import type { Command } from 'commander';
import type { SpeakOptions } from '../../model/speak.js';
import { count, modelOption, number, type Shared } from '../options.js';

/** Options of the commands that make text. */
export interface Speaking extends Shared {
  readonly model: string;
  readonly beams?: number;
  readonly maxNewTokens?: number;
  readonly lengthPenalty?: number;
  readonly repetitionPenalty?: number;
}

export function speaking(command: Command, defaults: { tokens: number; lengthPenalty: number }): Command {
  return command
    .addOption(modelOption())
    .option('--beams <n>', 'width of the beam search; 1 is greedy (default: 5)', count)
    .option('--max-new-tokens <n>', `longest text (default: ${defaults.tokens})`, count)
    .option('--length-penalty <x>', `above 0 favours long texts (default: ${defaults.lengthPenalty})`, number)
    .option('--repetition-penalty <x>', 'above 1 avoids what was said (default: 1)', number);
}

export const speakOptions = (options: Speaking, signal: AbortSignal): SpeakOptions => ({
  beams: options.beams,
  maxNewTokens: options.maxNewTokens,
  lengthPenalty: options.lengthPenalty,
  repetitionPenalty: options.repetitionPenalty,
  signal,
});
