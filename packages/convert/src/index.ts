export { type Quantization, quantizations } from '@blip2/models/folder';
export { type ConvertResult, convertModel } from './convert.js';
export { isLavis, type LavisLanguage, lavisLanguage, lavisSource, toLavisSource } from './lavis.js';
export type { ConvertOptions, StoredDtype } from './options.js';
