/** The small pretrained models of this package, each a Hugging Face folder with a model card. */
export type StarterModel = 'vision' | 'language' | 'bert';

/** Returns the folder of a model as a `file:` URL that ends in a slash. */
export const starterUrl = (model: StarterModel): URL => new URL(`../models/${model}/`, import.meta.url);
