export { attend, attentionWeights } from './attend.js';
export { type AttentionKernelUrls, registerAttention } from './fused/register.js';
export { appendKeyValue, type KeyValue, reorderKeyValue } from './key-value.js';
export { additiveMask, causalMask, MASKED } from './masks.js';
export type { AttendOptions } from './options.js';
