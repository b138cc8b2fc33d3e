export { type Blip2, blip2, fromPretrained, type PretrainedOptions } from './blip2.js';
export { compareTexts, type Judge, type Match } from './compare.js';
export { type External, type ModelConfig, type ModelKind, readModelConfig } from './config.js';
export type { SpeakOptions } from './decoding.js';
export {
  type DecodingPreset,
  type DecodingPresetName,
  decodingPresets,
  type Recipe,
  recipeOf,
} from './decoding-presets.js';
export { type Inspection, inspectModel } from './inspect.js';
export { isLavis, type LavisLanguage, lavisLanguage, lavisSource, toLavisSource } from './lavis.js';
export { type LoadOptions, loadFolder } from './load.js';
export type { GenerationModel, LoadedModel, RetrievalModel } from './loaded.js';
export { type Image, look, type Seen, see, seeing } from './look.js';
export type { MemoryPart, MemoryPlan } from './memory.js';
export { anyModel, type Models, retrievalModel } from './pick.js';
export { defaultPrompts, dialogue, type Exchange, fillTemplate, type Prompts } from './prompts.js';
export type { Room } from './room.js';
export { type Frozen, type SavedStage1, type SavedStage2, type SaveOptions, saveStage1, saveStage2 } from './save.js';
export { type Speaker, type SpeakInput, type Spoken, type StreamOptions, seenOf, speak, speakPieces } from './speak.js';
export type {
  Answer,
  AskOptions,
  Caption,
  CaptionOptions,
  CaptionsOptions,
  Speech,
  TellOptions,
} from './speaking.js';
export { type PartSpecs, partSpecs, type SpecOptions, tensorsOf } from './specs.js';
