import type { LanguageModel } from '@blip2/llm';
import { isJson, show } from '@blip2/tensor';
import { join, readJson } from '@blip2/tensor/files';

/** The prompts that a generation model was trained with. */
export interface Prompts {
  /** Template of a question; `{}` stands for the question. */
  readonly question: string;
  /** The beginning of a caption. */
  readonly caption: string;
}

/** The prompts of the published models, by kind of language model: OPT and Flan-T5 (BLIP-2, section 4.1). */
export const defaultPrompts: Readonly<Record<LanguageModel['kind'], Prompts>> = {
  decoder: { question: 'Question: {} Answer:', caption: '' },
  'encoder-decoder': { question: 'Question: {} Short answer:', caption: '' },
};

/** The key of `processor_config.json` that holds the prompts of a model. */
export const PROMPTS_KEY = 'blip2_prompts';

/** Reads the prompts of a model folder; where it has none, those of the published models with this kind of language model. */
export async function readPrompts(folder: string, kind: LanguageModel['kind']): Promise<Prompts> {
  const path = join(folder, 'processor_config.json');
  return promptsOf((await readJson(path))?.[PROMPTS_KEY], path, kind);
}

/** Checks the prompts found in a `processor_config.json`. @throws for prompts that are not strings */
export function promptsOf(found: unknown, path: string, kind: LanguageModel['kind']): Prompts {
  if (found === undefined || found === null) return defaultPrompts[kind];
  const prompts = { ...defaultPrompts[kind], ...(isJson(found) ? found : {}) };
  const { question, caption } = prompts;
  if (isJson(found) && typeof question === 'string' && typeof caption === 'string') return { question, caption };
  throw new Error(`${PROMPTS_KEY} in ${path} must hold the texts 'question' and 'caption', not ${show(found)}.`);
}

/** Puts a question into its template, in place of `{}`. @throws for a template without `{}` */
export function fillTemplate(template: string, question: string): string {
  if (template.includes('{}')) return template.replace('{}', () => question);
  throw new Error(`The template '${template}' has no {}; put {} where the question goes.`);
}

/** A former question of a dialogue with its answer. */
export interface Exchange {
  readonly question: string;
  readonly answer: string;
}

/**
 * Formats a question that follows former ones with their answers: `Question: Q1 Answer: A1. Question: Q2 Answer:`, as in
 * LAVIS' demo.
 * @throws for a template without `{}`
 */
export function dialogue(template: string, question: string, history: readonly Exchange[] = []): string {
  const before = history.map((one) => `${fillTemplate(template, one.question)} ${one.answer.trim()}.`);
  return [...before, fillTemplate(template, question)].join(' ');
}
