export { type QFormerConfig, qformerConfig, qformerConfigJson } from './config.js';
export type { KeyValues } from './encode.js';
export { bertConfig, type FromBertOptions, fromBert } from './from-bert.js';
export { imageFeatures, itgLogits, itmLogits, textFeatures, textTokenFeatures } from './heads.js';
export type { LayerGates } from './layer.js';
export type { PassOptions } from './mode.js';
export { isCopy, lavisName, pathOfLavisName } from './names.js';
export {
  type CaptionInput,
  type CaptionOptions,
  captionPass,
  captionSinglePass,
  encodeKeyValues,
  jointPass,
  type MatchInput,
  matchPass,
  type QueryOptions,
  type QueryResult,
  queryOutput,
  queryPass,
  type TextInputs,
  textPass,
} from './passes.js';
export { pruneForGeneration } from './prune.js';
export {
  type PretrainingQFormer,
  type QFormer,
  type QFormerParts,
  type QFormerSpec,
  qformerSpec,
} from './spec.js';
export { captionIds, type MatchRowsOptions, matchRows, type Negatives } from './stage1.js';
