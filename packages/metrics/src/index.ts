export { type BleuScore, bleu } from './caption/bleu.js';
export { type CaptionScore, type CiderOptions, cider } from './caption/cider.js';
export { rougeL } from './caption/rouge.js';
export { captionTokens } from './caption/tokens.js';
export { type Recall, type RecallOptions, recall } from './retrieval.js';
export { normalizeAnswer } from './vqa/normalize.js';
export { exactMatch, type VqaAccuracy, vqaAccuracy, vqaAccuracyNormalized, vqaScore } from './vqa/vqa.js';
