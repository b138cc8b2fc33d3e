export { readVisionConfig, type VisionConfig } from './config.js';
export { type VisionEncoder, type VitEncoder, visionEncoder } from './encoder.js';
export { type Family, type FamilyName, families } from './families.js';
export { vitForward, vitHiddenStates } from './forward.js';
export { truncatedNormal } from './init.js';
export { lavisNames, lavisVisionSource } from './lavis.js';
export { type LoadVisionOptions, loadFinalNorm, loadVisionEncoder } from './load.js';
export { bicubicWeights, type ResizePositionsOptions, resizePositions } from './positions.js';
export { type VisionOptions, type VisionParams, type VisionSpec, visionSpec } from './spec.js';
