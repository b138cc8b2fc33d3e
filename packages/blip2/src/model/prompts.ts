import { join } from 'node:path';
import { isJson, readJson } from './files.js';

/** How a generation model was taught to be spoken to. `{}` in `question` is where the question goes. */
export interface Prompts {
  readonly question: string;
  readonly caption: string;
}

/** The prompts of the published models. */
export const defaultPrompts: Prompts = { question: 'Question: {} Answer:', caption: '' };

/** The key of `processor_config.json` that holds a folder's own prompts. */
export const PROMPTS_KEY = 'blip2_prompts';

/** A folder's prompts, or the published models' where it names none. */
export async function readPrompts(folder: string): Promise<Prompts> {
  const found = (await readJson(join(folder, 'processor_config.json')))?.[PROMPTS_KEY];
  const { question, caption } = isJson(found) ? found : {};
  return {
    question: typeof question === 'string' ? question : defaultPrompts.question,
    caption: typeof caption === 'string' ? caption : defaultPrompts.caption,
  };
}

/** A question in its template. @throws for a template without a place for the question */
export function fillTemplate(template: string, question: string): string {
  if (template.includes('{}')) return template.replace('{}', () => question);
  throw new Error(`The template '${template}' has no {}, which is where the question goes.`);
}
