import {
  type DecodingConfig,
  type DecodingPresetName,
  decodingConfig,
  decodingPresets,
  type GenerationModel,
} from '@blip2/models';
import { CAPTION_TOKENS } from './captions.js';
import { ANSWER_TOKENS } from './vqa.js';

/** How an evaluation generates text. What is given holds for captions and answers alike. */
export interface EvalDecoding
  extends Pick<
    DecodingConfig,
    'beams' | 'maxNewTokens' | 'minNewTokens' | 'lengthPenalty' | 'repetitionPenalty' | 'prompt' | 'template'
  > {
  /** The decoding preset that the other options override; it concerns the tasks that it is for. */
  readonly preset?: DecodingPresetName | undefined;
}

/** How the captions or the answers of an evaluation were generated; what is absent has the default of `generate`. */
export interface TaskDecoding extends Omit<DecodingConfig, 'beams' | 'maxNewTokens' | 'signal'> {
  readonly beams: number;
  readonly maxNewTokens: number;
}

/** How the texts of an evaluation were generated: captions, and in `vqa` what differs for answers. */
export interface DecodingSummary extends TaskDecoding {
  readonly vqa?: Partial<TaskDecoding>;
}

type Task = 'caption' | 'ask';

/** What holds without options: greedy search, which is fast, with enough tokens for a caption or a short answer. */
const defaults = {
  caption: { beams: 1, maxNewTokens: CAPTION_TOKENS },
  ask: { beams: 1, maxNewTokens: ANSWER_TOKENS },
} as const satisfies Record<Task, TaskDecoding>;

/** Merges the given options over those of the preset, where it is for the task, and over the defaults. */
export function evalDecoding(
  task: Task,
  { preset, ...given }: EvalDecoding,
  model: Pick<GenerationModel, 'language' | 'prompts'>,
): TaskDecoding {
  const { kind } = model.language;
  const fits = preset !== undefined && [task, 'any'].includes(decodingPresets[preset].task);
  const options: DecodingConfig = { ...(fits && decodingConfig(preset, { task, kind })), ...defined(given) };
  const { prompt, template, beams, maxNewTokens, signal: _, ...others } = options;
  return {
    beams: beams ?? defaults[task].beams,
    maxNewTokens: maxNewTokens ?? defaults[task].maxNewTokens,
    ...others,
    ...(task === 'caption'
      ? { prompt: prompt ?? model.prompts.caption }
      : { template: template ?? model.prompts.question }),
  };
}

/** Sums up how the captions and the answers were generated, as far as there were any. */
export function decodingSummary({
  captions,
  vqa,
}: {
  captions: TaskDecoding | undefined;
  vqa: TaskDecoding | undefined;
}): DecodingSummary | undefined {
  if (!captions || !vqa) return captions ?? vqa;
  const differs = Object.entries(vqa).filter(([key, value]) => value !== captions[key as keyof TaskDecoding]);
  return { ...captions, vqa: Object.fromEntries(differs) };
}

const defined = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
