export type { ModelInfo } from './info.js';
export { fromPretrained, type ModelSource, type WebOptions } from './page/from-pretrained.js';
export type { PageImage } from './page/images.js';
export type { WebModel } from './page/web-model.js';
