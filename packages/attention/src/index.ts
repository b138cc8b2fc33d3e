export { attend, attentionWeights } from './attend.js';
export { type AttentionKernelUrls, registerAttention } from './fused/register.js';
export { appendKeyValue, type KeyValue, reorderKeyValue } from './key-value.js';
export {
  type ExtendOptions,
  type KeyValueCache,
  type KeyValueCacheOptions,
  keyValueCache,
} from './key-value-cache.js';
export { additiveMask, causalMask, MASKED } from './masks.js';
export type { AttendOptions, CachedAttendOptions } from './options.js';
export { type RotaryOptions, rotary } from './rotary.js';
export { type RotaryTables, type RotaryTablesOptions, rotaryTables } from './rotary-tables.js';
export { registerAttentionWebgpu } from './webgpu/register.js';
