export { type AttendOptions, attend, attentionWeights } from './attend.js';
export { mergeHeads, splitHeads } from './heads.js';
export { appendKeyValue, type KeyValue, reorderKeyValue } from './key-value.js';
export { additiveMask, causalMask, MASKED } from './masks.js';
export { type MultiHeadOptions, multiHeadAttention } from './multi-head.js';
