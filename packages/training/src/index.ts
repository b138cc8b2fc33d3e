export type { Device, DeviceReport, Measurement } from '@blip2/backend-webgpu';
export { adaptedLanguage, adapterSpecOf } from './adapters.js';
export {
  type BackendOptions,
  type BackendReport,
  currentBackend,
  ensureBackend,
  useBackend,
} from './backend.js';
export {
  type ComposeOptions,
  compose,
  initializeStage2,
  languageOf,
  type Parts,
  stage1Params,
  stage2Params,
} from './compose.js';
export { type BatchAt, type BatchSource, batchIterator, mixBatches } from './data/batch-iterator.js';
export {
  type EncodeOptions,
  encodeAll,
  encodeToFile,
  type FeatureStore,
  type ImageList,
  type PixelStore,
  pixelStore,
} from './data/feature-store.js';
export { collateStage1, type ImageTextPairs, type PixelTextPairs } from './data/stage1-batches.js';
export {
  collateStage2,
  type HeldOutWord,
  type PixelSampleSource,
  type Sample,
  type SampleSource,
} from './data/stage2-batches.js';
export {
  instructionTensors,
  type PromptTokenizer,
  padPrompts,
  promptTokens,
  type TextOptions,
  type TextTensors,
  textTensors,
} from './data/texts.js';
export { type FineTuningSchedule, fineTuningAdapters, fineTuningSchedule } from './fine-tuning.js';
export {
  type BertModel,
  bertTokenizerFiles,
  type LanguageModelWithTokenizer,
  type LoadVisionOptions,
  loadBert,
  loadLanguageModel,
  loadVision,
  type VisionModel,
} from './frozen-models.js';
export type { InitialModel, InitialModels } from './initial.js';
export { type Recipe, type RecipeName, type RecipeSchedule, recipeSchedule, recipes } from './recipes.js';
export type { Stage1Ablation, Stage1Objective } from './stages/ablation.js';
export {
  instructBlipSpec,
  type Stage1Params,
  type Stage2Params,
  stage1Spec,
  stage2FromStage1,
  stage2Spec,
} from './stages/specs.js';
export { type Stage1Batch, type Stage1Options, type Stage1Terms, stage1Terms } from './stages/stage1.js';
export { type Stage1Model, type Stage1PixelBatch, stage1Cached } from './stages/stage1-cached.js';
export {
  instructBlipSoftPrompt,
  type Stage2Batch,
  type Stage2PixelBatch,
  type Stage2Texts,
  softPrompt,
  stage2Terms,
} from './stages/stage2.js';
export { keyValues, normFeatures, VISION_NORM_EPSILON, visionNormSpec } from './stages/vision-norm.js';
export { standardizeVision } from './standardize-vision.js';
export {
  type Stage1TrainOptions,
  type Stage2TrainOptions,
  type StageOptions,
  trainStage1,
  trainStage2,
} from './train.js';
export { type ParameterOptions, trainedVision } from './trained-parameters.js';
