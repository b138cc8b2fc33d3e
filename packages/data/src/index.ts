export { type CacheManifest, cacheKey, FeatureCache } from './dataset/cache.js';
export {
  type BatchOptions,
  batchAt,
  batchesPerEpoch,
  batchIndices,
  type Dataset,
  listDataset,
  mapDataset,
  shuffled,
} from './dataset/dataset.js';
export type { CacheDtype } from './dataset/record.js';
export { decodePicture, encodePng } from './picture/decode.js';
export type { FilterName } from './picture/filter.js';
export {
  type DecodeOptions,
  isPicture,
  MAX_PIXELS,
  type Picture,
  type PictureSource,
  solid,
} from './picture/picture.js';
export {
  CLIP_MEAN,
  CLIP_STD,
  HALF_MEAN,
  HALF_STD,
  IMAGENET_MEAN,
  IMAGENET_STD,
  type NormalizeOptions,
  pixelValues,
  type Rgb,
  toPixels,
} from './picture/pixels.js';
export { applyProcessor, type Processor, parseProcessor, readProcessor } from './picture/processor.js';
export { type Box, crop, type ResizeOptions, resize, resizeBicubic } from './picture/resize.js';
export { buildBpe, OPT_SPECIALS, trainByteLevelBpe } from './text/byte-bpe.js';
export type { Merge } from './text/merges.js';
export { type PaddedBatch, type PadOptions, padBatch, toIdTensors } from './text/pad.js';
export { type CaptionOptions, captionProcessor, questionProcessor } from './text/processors.js';
export {
  createTokenizer,
  type DecodeOptions as TokenDecodeOptions,
  type EncodeOptions,
  loadTokenizer,
  type SpecialName,
  type Tokenizer,
  type TokenizerFiles,
  type TokenizerOptions,
} from './text/tokenizer.js';
export { BERT_SPECIALS, buildWordPiece, trainWordPiece } from './text/word-piece.js';
export { type AugmentOptions, operations, randomAugment } from './transform/augment.js';
export { type CropOptions, randomBox } from './transform/random-box.js';
export {
  type EvalOptions,
  evalTransform,
  mirror,
  type TrainOptions,
  type Transform,
  trainTransform,
} from './transform/transform.js';
