export { SKIPPED } from './check-data.js';
export {
  type ImageTextConfig,
  type ImageTextDataConfig,
  imageTextConfigs,
  imageTextPresets,
  imageTextSchema,
} from './config.js';
export { type FineTuneOptions, type FineTuning, fineTuning } from './fine-tune.js';
export { type ImageTextOptions, imageTextData } from './image-text-data.js';
