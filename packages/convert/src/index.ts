export { type Converted, convertModel } from './convert.js';
export type { ConvertOptions, StoredDtype } from './draft.js';
export { isLavis, type LavisLanguage, lavisLanguage, lavisSource, toLavisSource } from './lavis.js';
