export { readConfigJson, readGenerationJson, readJson } from './json.js';
export { isFile, isFolder, toPath } from './paths.js';
export { openTemporaryValues, type TemporaryValues } from './temporary-values.js';
export { openWeights } from './weights.js';
