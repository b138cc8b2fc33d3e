export {
  type Answer,
  type AskOptions,
  type Blip2,
  blip2,
  type Caption,
  type CaptionOptions,
  fromPretrained,
  type PretrainedOptions,
} from './blip2.js';
export { compareTexts, type Judge, type Match } from './compare.js';
export { type External, type ModelConfig, type ModelKind, readModelConfig } from './config.js';
export { type Inspection, inspectModel } from './inspect.js';
export { isLavis, type LavisLanguage, lavisLanguage, lavisSource, toLavisSource } from './lavis.js';
export { type LoadOptions, loadFolder } from './load.js';
export type { GenerationModel, LoadedModel, RetrievalModel } from './loaded.js';
export { look } from './look.js';
export { defaultPrompts, fillTemplate, type Prompts } from './prompts.js';
export { type Frozen, type SavedStage1, type SavedStage2, type SaveOptions, saveStage1, saveStage2 } from './save.js';
export { type Speaker, type SpeakInput, type SpeakOptions, type Spoken, speak, speakPieces } from './speak.js';
