import type { Prompts } from '../model/prompts.js';

/** How the models that are trained here are spoken to: in the words of the scenes' texts. */
export const scenePrompts: Prompts = { question: 'question: {} answer:', caption: '' };
