export {
  type Adapter,
  adapterSpec,
  type ComposedPrompt,
  composePrompt,
  type PromptPart,
  project,
  promptParts,
} from './adapter.js';
export type { DecoderInput, DecoderOutput } from './decoder-only.js';
export { beamSearch } from './decoding/beam.js';
export { generate, padded } from './decoding/generate.js';
export type { BeamRulesName, DecodingOptions, Sequence } from './decoding/options.js';
export { generateTokens, type Token } from './decoding/tokens.js';
export {
  compareLanguage,
  isLanguageType,
  type LanguageConfig,
  languageConfig,
  languageKind,
  languageRepeats,
  languageSpec,
  languageWidth,
  loadLanguage,
  vocabularyRows,
} from './families.js';
export { type LabelOptions, labelsOf } from './labels.js';
export {
  type DecodingState,
  IGNORED,
  type LanguageModel,
  type LoraSupport,
  type PredictInput,
  type Predictions,
  type Prompt,
  type SpecialIds,
  type SyncDecodingState,
  type SyncLanguageModel,
} from './language-model.js';
export { type LlamaConfig, llamaConfig } from './llama/config.js';
export { llamaForward } from './llama/forward.js';
export { loadLlama } from './llama/load.js';
export { llamaEmbed, llamaHead, llamaLanguageModel } from './llama/model.js';
export {
  type RotaryFrequencies,
  type RotaryScaling,
  type RotaryScalingOptions,
  rotaryFrequencies,
  rotaryScaling,
} from './llama/rotary-scaling.js';
export { type LlamaParams, llamaSpec } from './llama/spec.js';
export { type LinearLayers, linearLayers, loraSpec, type WithLoraOptions, withLora } from './lora/apply.js';
export { ALL_LINEAR, type LoraConfig, type LoraJsonOptions, loraConfigJson, readLoraConfig } from './lora/config.js';
export {
  type LoraFiles,
  loraChanges,
  peftName,
  peftTensors,
  type StoredAdapter,
  storedAdapters,
} from './lora/files.js';
export { type AdaptedLinear, adaptedLinear, type LoraBranch } from './lora/linear.js';
export {
  ADAPTER_FOLDER,
  type AdaptedWeights,
  type AdapterOptions,
  adapterFiles,
  adapterFolder,
  type BesideAdapters,
  mergeAdapter,
  openAdapted,
  type StoredWeights,
} from './lora/merge.js';
export { type OptConfig, optConfig } from './opt/config.js';
export { optForward } from './opt/forward.js';
export { type LoadLanguageOptions, loadOpt } from './opt/load.js';
export { type OptTextInput, optEmbed, optHead, optLogits } from './opt/logits.js';
export { optLanguageModel, optPredict, optStart } from './opt/model.js';
export { positionRows } from './opt/positions.js';
export { type OptParams, optSpec } from './opt/spec.js';
export { type T5Config, t5Config } from './t5/config.js';
export { type T5DecoderInput, t5CrossKeys, t5Decode } from './t5/decoder.js';
export { type T5EncoderInput, t5Encode } from './t5/encoder.js';
export { loadT5 } from './t5/load.js';
export { t5Embed, t5Head } from './t5/logits.js';
export { t5LanguageModel, t5Predict, t5Start } from './t5/model.js';
export { distanceBuckets, lastPositionBias, positionBias } from './t5/position-bias.js';
export { type T5Params, t5Spec } from './t5/spec.js';
export type { T5CrossKeys } from './t5/sublayers.js';
