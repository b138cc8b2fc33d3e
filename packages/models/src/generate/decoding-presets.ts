import type { LanguageModel } from '@blip2/llm';
import type { GenerationOptions } from './decoding.js';

/** A decoding configuration: prompt or template, and how text is generated. */
export interface DecodingConfig extends GenerationOptions {
  /** The beginning of a caption, which the generated text continues. */
  readonly prompt?: string | undefined;
  /** Template of a question; `{}` stands for the question. */
  readonly template?: string | undefined;
}

/** A decoding configuration for a task, with differences by kind of language model. */
export interface DecodingPreset extends Partial<Readonly<Record<LanguageModel['kind'], DecodingConfig>>> {
  /** The method that it is for. */
  readonly task: 'caption' | 'ask' | 'any';
  /** Options for every kind of language model. */
  readonly all: DecodingConfig;
}

/** LAVIS pins transformers 4.33.2 and passes prompts as embeddings, so that penalties do not count their ids. */
const lavis: DecodingConfig = { beams: 5, beamRules: '4.33', countPrompt: false };

/**
 * The lengths of LAVIS: in a decoder-only model `max_length` counts the one id that stands for the embeddings, an
 * encoder-decoder takes it as `max_new_tokens`. In both, `min_length` counts that id or the decoder's start token.
 */
const lengths = (max: number, min = 1): Pick<DecodingPreset, 'decoder' | 'encoder-decoder'> => ({
  decoder: { maxNewTokens: max - 1, minNewTokens: min - 1 },
  'encoder-decoder': { maxNewTokens: max, minNewTokens: min - 1 },
});

/** Decoding configurations by name: the defaults here, and those behind published numbers. */
export const decodingPresets = {
  /** The defaults of `caption`: 5 beams as in the paper. */
  caption: { task: 'caption', all: { beams: 5, maxNewTokens: 30 } },
  /** The defaults of `generate` in LAVIS' BLIP-2 models. */
  captionLavis: { task: 'caption', all: lavis, ...lengths(30) },
  /** `generate(use_nucleus_sampling=True)` of LAVIS: sampling with 5 beams and transformers' default `top_k`. */
  captionNucleus: { task: 'caption', all: { ...lavis, sample: true, topP: 0.9, topK: 50 }, ...lengths(30) },
  /** LAVIS' captioning task with its COCO configuration (lengths, and the prompt of COCO fine-tuning). */
  captionCoco: {
    task: 'caption',
    all: { ...lavis, prompt: 'a photo of', repetitionPenalty: 1.15, lengthPenalty: 0 },
    ...lengths(30, 8),
  },
  /** LAVIS' captioning task with its NoCaps configuration. */
  captionNoCaps: {
    task: 'caption',
    all: { ...lavis, prompt: 'a photo of', repetitionPenalty: 1.15, lengthPenalty: 1 },
    ...lengths(80, 10),
  },
  /** Zero-shot VQA of the paper (section 4.1): its prompts, 5 beams, length penalty -1. */
  vqa: {
    task: 'ask',
    all: { beams: 5, maxNewTokens: 10, lengthPenalty: -1 },
    decoder: { template: 'Question: {} Answer:' },
    'encoder-decoder': { template: 'Question: {} Short answer:' },
  },
  /** `predict_answers` of LAVIS with the prompt of its released evaluation configurations and its default length penalties. */
  vqaLavis: {
    task: 'ask',
    all: { ...lavis, template: 'Question: {} Short answer:', maxNewTokens: 10 },
    decoder: { lengthPenalty: 0 },
    'encoder-decoder': { lengthPenalty: -1 },
  },
  /** The defaults of `generate` in LAVIS' InstructBLIP; the instruction is passed as it is. */
  instruct: { task: 'any', all: { ...lavis, template: '{}', repetitionPenalty: 1.5 }, ...lengths(256) },
} as const satisfies Readonly<Record<string, DecodingPreset>>;

/** A name of `decodingPresets`. */
export type DecodingPresetName = keyof typeof decodingPresets;

/**
 * Resolves a decoding preset for a task and a kind of language model.
 * @throws for an unknown name and for a preset of another task, listing the names that fit
 */
export function decodingConfig(
  preset: DecodingPresetName | DecodingPreset,
  { task, kind }: { task: 'caption' | 'ask'; kind: LanguageModel['kind'] },
): DecodingConfig {
  const found: DecodingPreset | undefined = typeof preset === 'string' ? decodingPresets[preset] : preset;
  const fitting = Object.entries<DecodingPreset>(decodingPresets).filter(([, one]) => [task, 'any'].includes(one.task));
  const names = fitting.map(([name]) => name).join(', ');
  if (!found) throw new Error(`There is no decoding preset '${preset}'; give one of ${names}.`);
  if (![task, 'any'].includes(found.task)) {
    const given = typeof preset === 'string' ? `The decoding preset '${preset}'` : 'The decoding preset given';
    throw new Error(`${given} is for the task '${found.task}', not '${task}'; give one of ${names}.`);
  }
  return { ...found.all, ...found[kind] };
}
