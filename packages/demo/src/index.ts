export { type EmojiConfig, type EmojiDataConfig, emojiConfigs, emojiDataSchema } from './config.js';
export { type EmojiEvaluation, type EmojiTrainingContext, emojiData, emojiTraining } from './emoji-data.js';
export {
  type EncodeDataOptions,
  type EncodedData,
  type EncodedEmoji,
  type EncodedScenes,
  type EncodedSingles,
  encodeEmoji,
  encodeImages,
  encodeScenes,
  type ImagesIdentity,
} from './encoded-data.js';
export { presets } from './presets.js';
export { type DemoOptions, type DemoSummary, runDemo } from './run-demo.js';
export { type DrawnChoice, type TrainingImages, trainingImages } from './training-images.js';
