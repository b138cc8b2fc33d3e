export { type AttentionOptions, type PatchMaps, queryAttention } from './attention.js';
export { type ExplainOptions, type Explanation, explain } from './explain.js';
export { renderSheet } from './sheet/render-sheet.js';
export { type SheetOptions, sheetEndings, writeSheet } from './sheet/write-sheet.js';
export { type WordMaps, wordRelevance } from './word-relevance.js';
