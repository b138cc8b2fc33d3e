export { type EmojiConfig, type EmojiDataConfig, emojiConfigs, emojiDataSchema } from './config.js';
export { type EmojiEvaluation, emojiData } from './emoji-data.js';
export { type EncodedData, type EncodedEmoji, type EncodedScenes, encodeEmoji, encodeScenes } from './encoded-data.js';
export { presets } from './presets.js';
export { type DemoOptions, type DemoSummary, runDemo } from './run-demo.js';
