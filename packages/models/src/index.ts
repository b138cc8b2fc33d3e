export { type Blip2, blip2, fromPretrained, type PretrainedOptions } from './blip2.js';
export { type EncodedImage, encodeImage, encodeImages, type ImageInput, withEncodedImages } from './encode-images.js';
export {
  extractImageFeatures,
  extractMultimodalFeatures,
  extractTextFeatures,
  extractVisionFeatures,
  type FeatureKind,
  type Features,
} from './features/extract.js';
export { poolImageFeatures } from './features/pool.js';
export { type FeatureInputs, type FeatureOptions, writeFeatures } from './features/write.js';
export type { SavedAdapter } from './folder/adapter.js';
export {
  type ExternalModel,
  type ModelConfig,
  type ModelKind,
  type RerankConfig,
  readModelConfig,
} from './folder/config.js';
export { type Inspection, inspectModel } from './folder/inspect.js';
export { checkFolder, type LoadOptions, loadFolder, modelFolder, modelKindsIn } from './folder/load.js';
export { loadModels } from './folder/load-models.js';
export type { ExternalModels } from './folder/load-plan.js';
export type { GenerationModel, LoadedModel, RetrievalModel } from './folder/loaded-model.js';
export type { MemoryPart, MemoryPlan } from './folder/memory.js';
export { formatMemoryPlan, type MemoryBudget } from './folder/memory-budget.js';
export { type SavedStage1, type SavedStage2, type SaveOptions, saveStage1, saveStage2 } from './folder/save.js';
export type { FrozenModel, FrozenModelFolder } from './folder/save-frozen.js';
export type { LoadProgress } from './folder/sources.js';
export { type PartSpecs, partSpecs, type SpecOptions, tensorShapes } from './folder/specs.js';
export type {
  Answer,
  AskOptions,
  Caption,
  CaptionOptions,
  CaptionsOptions,
  GenerationMethods,
  StreamTextOptions,
} from './generate/caption-and-ask.js';
export type { GenerationOptions } from './generate/decoding.js';
export {
  type DecodingConfig,
  type DecodingPreset,
  type DecodingPresetName,
  decodingConfig,
  decodingPresets,
} from './generate/decoding-presets.js';
export { type GenerateAllOptions, generateTexts } from './generate/generate-all.js';
export {
  type Generation,
  type GenerationInput,
  type GenerationParts,
  generateText,
  type StreamOptions,
  softPromptOf,
  streamText,
} from './generate/generate-text.js';
export { defaultPrompts, dialogue, type Exchange, fillTemplate, type Prompts } from './generate/prompts.js';
export type { ModelSource, SourceOptions } from './model-source.js';
export {
  type ItmScorer,
  type Match,
  matchTexts,
  type PairInputs,
  type PairOptions,
  pairLogits,
  repeatLast,
  topK,
} from './retrieval/match.js';
export { anyModel, generationModel, type Models, retrievalModel } from './select-model.js';
