import type { LanguageModel } from '@blip2/llm';
import type { GenerationOptions } from './decoding.js';

/** How a text is asked for and searched. */
export interface DecodingConfig extends GenerationOptions {
  /** What a caption goes on from. */
  readonly prompt?: string | undefined;
  /** How a question is put; `{}` is where it goes. */
  readonly template?: string | undefined;
}

/** A recipe with a name: what it says for both kinds of language model, and what for one of them. */
export interface DecodingPreset extends Partial<Readonly<Record<LanguageModel['kind'], DecodingConfig>>> {
  readonly task: 'caption' | 'ask' | 'any';
  readonly all: DecodingConfig;
}

/** LAVIS pins transformers 4.33.2 and hands prompts over as embeddings, whose ids no penalty sees (specification, 3.5). */
const lavis: DecodingConfig = { beams: 5, beamRules: '4.33', countPrompt: false };

/**
 * A `max_length` of LAVIS: a decoder-only model counts the one id that stands for its embeddings, an encoder-decoder is
 * given it as `max_new_tokens`. `min_length` counts that id, or the decoder's start, in both.
 */
const lengths = (max: number, min = 1): Pick<DecodingPreset, 'decoder' | 'encoder-decoder'> => ({
  decoder: { maxNewTokens: max - 1, minNewTokens: min - 1 },
  'encoder-decoder': { maxNewTokens: max, minNewTokens: min - 1 },
});

/** Numbers in brackets are sections of the specification, where the sources are. */
export const decodingPresets = {
  /** This project's own defaults: 5 beams as the paper has them, and nothing else. */
  caption: { task: 'caption', all: { beams: 5, maxNewTokens: 30 } },
  /** `generate` of LAVIS [3.5]. */
  captionLavis: { task: 'caption', all: lavis, ...lengths(30) },
  /** `generate(use_nucleus_sampling=True)` of LAVIS: its 5 beams stay, and transformers' default of top-k [3.5]. */
  captionNucleus: { task: 'caption', all: { ...lavis, sample: true, topP: 0.9, topK: 50 }, ...lengths(30) },
  /** LAVIS' captioning task, with the lengths of its COCO configuration and the prompt that COCO was tuned with [3.5, 4.2]. */
  captionCoco: {
    task: 'caption',
    all: { ...lavis, prompt: 'a photo of', repetitionPenalty: 1.15, lengthPenalty: 0 },
    ...lengths(30, 8),
  },
  /** The same task with its NoCaps configuration [3.5]. */
  captionNoCaps: {
    task: 'caption',
    all: { ...lavis, prompt: 'a photo of', repetitionPenalty: 1.15, lengthPenalty: 1 },
    ...lengths(80, 10),
  },
  /** Section 4.1 of the paper: its prompts, 5 beams, length penalty -1 [3.5]. */
  vqa: {
    task: 'ask',
    all: { beams: 5, maxNewTokens: 10, lengthPenalty: -1 },
    decoder: { template: 'Question: {} Answer:' },
    'encoder-decoder': { template: 'Question: {} Short answer:' },
  },
  /** `predict_answers` with the prompt of the released evaluation files, which leave its length penalties alone [3.5]. */
  vqaLavis: {
    task: 'ask',
    all: { ...lavis, template: 'Question: {} Short answer:', maxNewTokens: 10 },
    decoder: { lengthPenalty: 0 },
    'encoder-decoder': { lengthPenalty: -1 },
  },
  /** `generate` of InstructBLIP in LAVIS; the instruction as it is [8]. */
  instruct: { task: 'any', all: { ...lavis, template: '{}', repetitionPenalty: 1.5 }, ...lengths(256) },
} as const satisfies Readonly<Record<string, DecodingPreset>>;

export type DecodingPresetName = keyof typeof decodingPresets;

/** What a preset says for one kind of language model. @throws for a preset of another task, or one that there is not */
export function decodingConfig(
  preset: DecodingPresetName | DecodingPreset,
  { task, kind }: { task: 'caption' | 'ask'; kind: LanguageModel['kind'] },
): DecodingConfig {
  const found: DecodingPreset | undefined = typeof preset === 'string' ? decodingPresets[preset] : preset;
  const fitting = Object.entries<DecodingPreset>(decodingPresets).filter(([, one]) => [task, 'any'].includes(one.task));
  const names = fitting.map(([name]) => name).join(', ');
  if (!found) throw new Error(`There is no preset '${preset}'; take one of ${names}.`);
  if (![task, 'any'].includes(found.task))
    throw new Error(`The preset '${preset}' is not for this; take one of ${names}.`);
  return { ...found.all, ...found[kind] };
}
