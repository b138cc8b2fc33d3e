/**
 * The small pretrained models of this package, each a Hugging Face folder with a model card: the frozen parts, and `blip2`, whose
 * folder holds `stage1` and `stage2`, trained between them.
 */
export type StarterModel = 'vision' | 'language' | 'bert' | 'blip2';

/** Returns the folder of a model as a `file:` URL that ends in a slash. */
export const starterUrl = (model: StarterModel): URL => new URL(`../models/${model}/`, import.meta.url);
