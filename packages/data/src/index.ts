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
export { type CaptionOptions, captionProcessor, questionProcessor } from './text/processors.js';
export {
  createTokenizer,
  type DecodeOptions as TokenDecodeOptions,
  type EncodeOptions,
  loadTokenizer,
  type SpecialName,
  type Tokenizer,
  type TokenizerFiles,
} from './text/tokenizer.js';
