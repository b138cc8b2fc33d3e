/**
 * The small pretrained models of this package, each a Hugging Face folder with a model card: the frozen parts, and `blip2`, whose
 * folder holds `stage1` and `stage2`, trained between them.
 */
export type StarterModel = 'vision' | 'language' | 'bert' | 'blip2';

const models = new URL(/* webpackIgnore: true */ /* @vite-ignore */ '../models/', import.meta.url);

/**
 * Returns the folder of a model as a URL that ends in a slash: of Node's disk, or of the server of a page whose modules were not
 * bundled. A bundler gives the files other names; `@blip2/starter/files` has their addresses then.
 */
export const starterUrl = (model: StarterModel): URL => new URL(`${model}/`, models);
