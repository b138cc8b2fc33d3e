import { join } from 'node:path';
import type { LanguageModel } from '@blip2/llm';
import { isJson, show } from '@blip2/tensor';
import { readJson } from '@blip2/tensor/files';

/** How a generation model was taught to be spoken to. `{}` in `question` is where the question goes. */
export interface Prompts {
  readonly question: string;
  readonly caption: string;
}

/** The prompts of the published models: with OPT, and with Flan-T5 (BLIP-2, section 4.1). */
export const defaultPrompts: Readonly<Record<LanguageModel['kind'], Prompts>> = {
  decoder: { question: 'Question: {} Answer:', caption: '' },
  'encoder-decoder': { question: 'Question: {} Short answer:', caption: '' },
};

/** The key of `processor_config.json` that holds a folder's own prompts. */
export const PROMPTS_KEY = 'blip2_prompts';

/** A folder's prompts, or where it names none the published models' with a language model of this kind. */
export async function readPrompts(folder: string, kind: LanguageModel['kind']): Promise<Prompts> {
  const path = join(folder, 'processor_config.json');
  return promptsOf((await readJson(path))?.[PROMPTS_KEY], path, kind);
}

/** What a `processor_config.json` says of prompts. @throws for prompts that are no texts */
export function promptsOf(found: unknown, path: string, kind: LanguageModel['kind']): Prompts {
  if (found === undefined || found === null) return defaultPrompts[kind];
  const prompts = { ...defaultPrompts[kind], ...(isJson(found) ? found : {}) };
  const { question, caption } = prompts;
  if (isJson(found) && typeof question === 'string' && typeof caption === 'string') return { question, caption };
  throw new Error(`${PROMPTS_KEY} in ${path} must hold the texts 'question' and 'caption', not ${show(found)}.`);
}

/** A question in its template. @throws for a template without a place for the question */
export function fillTemplate(template: string, question: string): string {
  if (template.includes('{}')) return template.replace('{}', () => question);
  throw new Error(`The template '${template}' has no {}, which is where the question goes.`);
}

/** A question that was asked, and what was answered. */
export interface Exchange {
  readonly question: string;
  readonly answer: string;
}

/**
 * A question after former ones and their answers, as plain text: `Question: Q1 Answer: A1. Question: Q2 Answer:` (LAVIS'
 * own dialogue). @throws as `fillTemplate`
 */
export function dialogue(template: string, question: string, history: readonly Exchange[] = []): string {
  const before = history.map((one) => `${fillTemplate(template, one.question)} ${one.answer.trim()}.`);
  return [...before, fillTemplate(template, question)].join(' ');
}
