import { join } from 'node:path';
import type { LanguageModel } from '@blip2/llm';
import { isJson, readJson } from './files.js';

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
  const found = (await readJson(join(folder, 'processor_config.json')))?.[PROMPTS_KEY];
  const { question, caption } = isJson(found) ? found : {};
  return {
    question: typeof question === 'string' ? question : defaultPrompts[kind].question,
    caption: typeof caption === 'string' ? caption : defaultPrompts[kind].caption,
  };
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
