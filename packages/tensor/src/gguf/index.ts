export { GgufError } from './errors.js';
export { huggingFaceConfig, huggingFaceGeneration, huggingFaceWeights } from './hugging-face.js';
export type { GgufValue } from './metadata.js';
export { type GgufSource, type OpenGgufOptions, openGguf } from './open.js';
export { ggufTokenizer } from './tokenizer.js';
export { type GgufType, ggufTypes } from './types.js';
