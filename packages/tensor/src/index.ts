export { BindError, type BindOptions, bind, type Comparison, compare, type Mismatches } from './bind.js';
export { type Fields, fieldsOf, isJson, type Json, LARGEST_COUNT, MOST_LAYERS } from './config/fields.js';
export { parseJson } from './config/json.js';
export { isLfsPointer, LFS_PROBLEM, LFS_REMEDY } from './config/lfs-pointer.js';
export { show, showWord } from './config/show.js';
export { type FirstPart, firstPart, type LossTerms, type OnGradient, valueAndGrads } from './gradients.js';
export { initialize } from './initialize.js';
export {
  type ActivationName,
  activation,
  activationNames,
  gated,
  gelu,
  geluTanh,
  quickGelu,
  silu,
} from './layers/activation.js';
export { type Embedding, embedding, embeddingSpec } from './layers/embedding.js';
export {
  type Linear,
  type LinearInput,
  type LinearOptions,
  type LinearSpec,
  linear,
  linearSpec,
} from './layers/linear.js';
export {
  type LayerNorm,
  l2Normalize,
  layerNorm,
  layerNormSpec,
  type RmsNorm,
  rmsNorm,
  rmsNormSpec,
} from './layers/norm.js';
export {
  type FeedForward,
  type NormInput,
  normed,
  normedFeedForward,
  normedLinears,
} from './layers/normed.js';
export { type CrossEntropyOptions, crossEntropy } from './ops/cross-entropy.js';
export { type DropoutOptions, dropout, keepsElement } from './ops/dropout.js';
export type { GeluKind } from './ops/gelu.js';
export { isRecording, runNamed } from './ops/named.js';
export { matchesPath, type ParamStatus, partition, type Rule } from './partition.js';
export { dequantize } from './quantized/dequantize.js';
export {
  isPackable,
  isQuantizedFormat,
  type MatrixShape,
  matrixBytes,
  matrixShape,
  packedBytes,
  type QuantizedFormat,
  type QuantizedValues,
  quantizedFormats,
} from './quantized/formats.js';
export { isQuantized, QuantizedMatrix, type QuantizedParts, quantizedMatrix } from './quantized/matrix.js';
export { quantize } from './quantized/quantize.js';
export type { StoredMatrix } from './quantized/stored-matrix.js';
export { gaussian, hash, mix, type Rng, rng } from './random.js';
export { recompute } from './recompute.js';
export {
  constant,
  countParameters,
  type Initializer,
  normal,
  ones,
  type ParamSpec,
  type Params,
  param,
  type Shape,
  type Spec,
  sizeOf,
  specLeaves,
  uniform,
  zeros,
} from './spec.js';
export { disposable, dispose, type Flat, flatten, keep, mapFlat, mapTree, type Tree, unflatten } from './tree.js';
export {
  type DerivedTensor,
  derivedSource,
  type StoredValues,
  storedTensor,
  type TensorDescription,
  type WeightSource,
} from './weights.js';
