/**
 * The small pretrained models of this package, each a Hugging Face folder with a model card: the frozen parts, and `blip2`, whose
 * folder holds `stage1` and `stage2`, trained between them.
 */
export type StarterModel = 'vision' | 'language' | 'bert' | 'blip2';

/** A function, as bundlers look for a file of the name that stands beside `import.meta.url` in `new URL()`. */
const below = (path: string, base: string): URL => new URL(path, base);
const models = below('../models/', import.meta.url);

/**
 * Returns the folder of a model as a URL that ends in a slash: of Node's disk, or of the server of a page whose modules were not
 * bundled. A bundler gives the files other names; `@blip2/starter/files` has their addresses then.
 */
export const starterUrl = (model: StarterModel): URL => new URL(`${model}/`, models);
