export { type AttentionOptions, type PatchMaps, queryAttention } from './attention.js';
export { type ExplainOptions, explain, writeSheet } from './explain.js';
export { drawSheet, type SheetData } from './sheet.js';
export { type WordMaps, wordRelevance } from './words.js';
