export { accumulate, type Gradients, lossAndGrads } from './accumulate.js';
export { type AdamWOptions, adamw } from './adamw.js';
export { type CheckpointFiles, nodeFiles } from './checkpoint/files.js';
export { type FoundCheckpoint, latestCheckpoint, listCheckpoints } from './checkpoint/find.js';
export {
  CheckpointMismatch,
  type ExpectedCheckpoint,
  type LoadedCheckpoint,
  loadCheckpoint,
} from './checkpoint/load.js';
export { type CheckpointContent, type SaveOptions, saveCheckpoint } from './checkpoint/save.js';
export type { RunIdentity, RunState } from './checkpoint/state.js';
export { type Communicator, type Reduction, singleProcess } from './communicator.js';
export { gatherJson, onFirst } from './exchange.js';
export {
  type AllFeatures,
  type BatchContexts,
  type ContextInput,
  type EncodedBatch,
  type GradCacheLoss,
  type GradCacheOptions,
  gatherBatches,
  gradCache,
  type SomeTerms,
} from './grad-cache.js';
export {
  type DecayRule,
  type LayerwiseLrDecayOptions,
  lavisWeightDecay,
  layerwiseLrDecay,
  matrixWeightDecay,
} from './groups.js';
export { type MetricsLog, type MetricsOptions, openMetrics } from './metrics.js';
export { type ClipOptions, clipFactor, clipGlobalNorm, globalNorm, squaredNorms } from './norm.js';
export type { Optimizer, OptimizerState, OptimizerUpdate, UpdateOptions } from './optimizer.js';
export type { CheckpointOptions, Losses, LossValues, TrainOptions, TrainStep } from './options.js';
export { NonFiniteError } from './pending-scalars.js';
export type { LossInput, Position } from './position.js';
export { type SamplerOptions, sampler } from './sampler.js';
export {
  type CosineOptions,
  constantLr,
  cosineLr,
  epochCosineLr,
  epochStepLr,
  type Schedule,
  type WarmupOptions,
} from './schedules.js';
export { train } from './train.js';
