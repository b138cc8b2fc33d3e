/** The small frozen models that this package holds, each a Hugging Face folder with a card. */
export type StarterModel = 'vision' | 'language' | 'bert';

/** Where a model's folder is: a `file:` URL in Node, ending in a slash. */
export const starterUrl = (model: StarterModel): URL => new URL(`../models/${model}/`, import.meta.url);
