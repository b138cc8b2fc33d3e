export { isVitConfig, readVisionConfig, readVitConfig, type VisionConfig, type VitConfig } from './config.js';
export type { EfficientNetConfig } from './efficientnet/config.js';
export {
  type EfficientNetEncoder,
  efficientNetEncoder,
  efficientNetPrefix,
  loadEfficientNet,
} from './efficientnet/encoder.js';
export { efficientNetForward } from './efficientnet/forward.js';
export { efficientNetSpec, type NetworkParams as EfficientNetParams } from './efficientnet/network.js';
export { positionCode } from './efficientnet/position-code.js';
export { efficientNetWheelSource } from './efficientnet/wheel.js';
export {
  encodePixels,
  type ForwardOptions,
  type TrainableVisionEncoder,
  type VisionEncoder,
  type VitEncoder,
  visionEncoder,
} from './encoder.js';
export { type Family, type FamilyName, families } from './families.js';
export { vitForward, vitHiddenStates } from './forward.js';
export { fusedBiasSource } from './fused-bias.js';
export { truncatedNormal } from './init.js';
export { type LavisFamily, lavisFamily, lavisNames, lavisVisionSource, toLavisVisionSource } from './lavis.js';
export { compareVision, type LoadVisionOptions, loadFinalNorm, loadVisionEncoder } from './load.js';
export { type VisionPart, visionPart } from './part.js';
export { bicubicWeights, type ResizePositionsOptions, resizePositions } from './positions.js';
export { visionTokens, visionWorking } from './sizes.js';
export { type VisionOptions, type VisionParams, type VisionSpec, visionSpec, vitSpec } from './spec.js';
