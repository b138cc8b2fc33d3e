export { defaultCacheDir } from './cache-dir.js';
export { isGguf } from './gguf.js';
export { readConfigJson, readGenerationJson, readJson } from './json.js';
export { isFile, isFolder, toPath } from './paths.js';
export { expectNotQuantizedByOthers, QUANT_METHOD } from './quantized-by-others.js';
export { type FolderReference, type ReferenceOptions, readReference } from './reference.js';
export { openTemporaryValues, type TemporaryValues } from './temporary-values.js';
export { openWeights } from './weights.js';
