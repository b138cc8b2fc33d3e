export { type DecodeItemOptions, decodeItem } from './decode.js';
export { openDataset } from './open.js';
export type { Columns, HttpOptions, Layout, OpenOptions, Split } from './options.js';
export { collectSkipped, MAX_SKIPPED, type SkippedItems, type SkippedOptions } from './skipped.js';
export { MAX_CHARACTERS } from './texts.js';
