export { type Drawings, type DrawingsOptions, defaultCacheDir, renderAll } from './drawings.js';
export { type EmojiDataset, type EmojiItem, type EmojiOptions, emojiDataset } from './emoji.js';
export { type Emoji, loadEmoji } from './entries.js';
export { type Colour, type RenderOptions, renderSvg } from './render.js';
export { drawCandidates, plainLabel, retrievalCandidates } from './retrieval.js';
export { allStudios, type Split, type Studio, splits } from './studios.js';
export type { Dataset, Picture } from './types.js';
