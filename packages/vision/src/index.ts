export { readVisionConfig, type VisionConfig } from './config.js';
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
export { bicubicWeights, type ResizePositionsOptions, resizePositions } from './positions.js';
export { type VisionOptions, type VisionParams, type VisionSpec, visionSpec } from './spec.js';
