export { adapterFolder } from '@blip2/llm';
export { readPrompts } from '../generate/prompts.js';
export { replaceFolder, writeJson } from './atomic-folder.js';
export { isExternal } from './config.js';
export { type FrozenFolder, type LanguageFolder, openLanguageFolder, openVisionFolder } from './frozen.js';
export { type ExternalModels, type LoadPlan, loadPlan, mismatchesOf } from './load-plan.js';
export { memoryBudget } from './memory-budget.js';
export { type OpenedModel, openModel } from './open.js';
export { openTrained, type TrainedWeights } from './open-trained.js';
export { processorJson } from './processor-json.js';
export {
  formatOf,
  namesMatch,
  type Quantization,
  type QuantizationConfig,
  quantizationConfig,
  quantizationJson,
  quantizations,
  readQuantization,
} from './quantization.js';
export {
  expectMatch,
  type LoadProgress,
  subsetSource,
  withProgress,
} from './sources.js';
export { storedEntry } from './stored-entry.js';
export { IMAGE_TOKEN, withImageToken, writeTokenizer } from './tokenizer-files.js';
