export { defaultCacheDir } from '@blip2/tensor/files';
export { type Drawings, type DrawingsOptions, renderDrawings } from './drawings.js';
export { type EmojiDataset, type EmojiItem, type EmojiOptions, emojiDataset } from './emoji.js';
export { type Emoji, loadEmoji, normalizeCode } from './entries.js';
export { type Color, type RenderOptions, renderSvg } from './render.js';
export { normalizeLabel, retrievalCandidates, sampleCandidates } from './retrieval.js';
export { type Background, renderBackground } from './scenes/background.js';
export { countHeldOut } from './scenes/combinations.js';
export { type SceneDataset, type SceneItem, type SceneOptions, sceneDataset } from './scenes/dataset.js';
export {
  type QuestionAnswer,
  type QuestionType,
  questionTypes,
  sceneGroups,
  sceneNumbers,
  scenePrompts,
} from './scenes/grammar.js';
export type { PlacedEmoji } from './scenes/layout.js';
export { compositeSprite, renderScene } from './scenes/paint.js';
export type { Plan } from './scenes/plan.js';
export { type Scene, type SceneChoice, scene, sceneTexts } from './scenes/scene.js';
export {
  type Single,
  type SingleBackground,
  type SingleDataset,
  type SingleItem,
  type SingleOptions,
  singleBackgrounds,
  singleDataset,
} from './scenes/singles.js';
export { cropSprite, loadSprites, type Sprite, type SpriteOptions, type Sprites } from './scenes/sprites.js';
export { loadAllNouns, loadNouns, type Noun } from './scenes/vocabulary.js';

export { allVendors, type Split, splits, type Vendor } from './vendors.js';
