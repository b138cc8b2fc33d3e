export { replaceFolder, writeJson } from './atomic-folder.js';
export { type FrozenFolder, type LanguageFolder, openLanguage, openVision } from './frozen.js';
export { IMAGE_TOKEN, withImageToken } from './image-token.js';
export { type ExternalModels, type LoadPlan, loadPlan, mismatchesOf } from './load-plan.js';
export { processorJson } from './processor-json.js';
export {
  bytesIn,
  expectMatch,
  type LoadProgress,
  subsetSource,
  valuesIn,
  withProgress,
} from './sources.js';
export { readTokenizerFiles, writeTokenizer } from './tokenizer-files.js';
export { openWeights } from './weights-file.js';
