/**
 * The small pretrained models of this package, each a Hugging Face folder with a model card: the frozen parts, and `blip2`, whose
 * folder holds `stage1` and `stage2`, trained between them.
 */
export type StarterModel = 'vision' | 'language' | 'bert' | 'blip2';

const here = import.meta.url; // a bundler that saw it in new URL() would look for a file of that name
const models = new URL('../models/', here);

/**
 * Returns the folder of a model as a URL that ends in a slash: of Node's disk, or of the server of a page whose modules were not
 * bundled. A bundler gives the files other names; `@blip2/starter/files` has their addresses then.
 */
export const starterUrl = (model: StarterModel): URL => new URL(`${model}/`, models);
