export { type CacheDtype, type CacheManifest, cacheKey, FeatureCache } from './dataset/cache.js';
export {
  type BatchOptions,
  batchAt,
  batchesPerEpoch,
  batchIndices,
  type Dataset,
  listDataset,
  mapDataset,
  randomPermutation,
} from './dataset/dataset.js';
export type {
  ImageQuestion,
  ImageTextDataset,
  ImageTextItem,
  ItemsOptions,
  SkippedItem,
} from './dataset/image-text.js';
export { decodeImage, encodePng, pngDataUrl } from './image/decode.js';
export type { FilterName } from './image/filter.js';
export {
  type DecodedImage,
  type DecodeOptions,
  type ImageSource,
  isDecodedImage,
  MAX_PIXELS,
  solidImage,
} from './image/image.js';
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
} from './image/pixels.js';
export { applyProcessor, type Processor, parseProcessor, readProcessor } from './image/processor.js';
export { type Box, crop, type ResizeOptions, resize, resizeBicubic } from './image/resize.js';
export { withDecoderToken, withToken } from './text/added-tokens.js';
export { buildByteLevelBpe, OPT_SPECIALS, trainByteLevelBpe } from './text/byte-bpe.js';
export type { Merge } from './text/merges.js';
export { type PaddedBatch, type PadOptions, padBatch, toIdTensors } from './text/pad.js';
export { type CaptionOptions, captionProcessor, questionProcessor } from './text/processors.js';
export {
  createTokenizer,
  type EncodeOptions,
  loadTokenizer,
  readTokenizerFiles,
  type SpecialName,
  type TokenDecodeOptions,
  type Tokenizer,
  type TokenizerFiles,
  type TokenizerOptions,
} from './text/tokenizer.js';
export { BERT_SPECIALS, buildWordPiece, DECODER_START, trainWordPiece } from './text/word-piece.js';
export { type AugmentOptions, augmentOperations, randomAugment } from './transform/augment.js';
export { type CropOptions, randomCropBox } from './transform/random-box.js';
export {
  type EvalTransformOptions,
  evalTransform,
  flipHorizontal,
  type TrainTransformOptions,
  type Transform,
  trainTransform,
} from './transform/transform.js';
