export { type Adapter, adapterSpec, type ComposedPrompt, composePrompt, type PromptPart, project } from './adapter.js';
export { beamSearch } from './decoding/beam.js';
export { generate, padded } from './decoding/generate.js';
export type { BeamRulesName, DecodingOptions, Sequence } from './decoding/options.js';
export { generateTokens, type Token } from './decoding/tokens.js';
export { type LabelOptions, labelsOf } from './labels.js';
export {
  type DecodingState,
  IGNORED,
  type LanguageModel,
  type Lesson,
  type Lessons,
  type Prompt,
  type SpecialIds,
} from './language-model.js';
export { type OptConfig, optConfig } from './opt/config.js';
export { type OptInput, type OptOutput, optForward } from './opt/forward.js';
export { type LoadOptions, loadOpt } from './opt/load.js';
export { type OptTextInput, optEmbed, optHead, optLogits } from './opt/logits.js';
export { optLanguageModel, optPredict, optStart } from './opt/model.js';
export { positionRows } from './opt/positions.js';
export { type OptParams, optSpec } from './opt/spec.js';
