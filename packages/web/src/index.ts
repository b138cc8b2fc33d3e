export type { FineTuneSettings, FineTuneStep, Losses } from './fine-tune.js';
export type { ModelInfo } from './info.js';
export { fromPretrained, type ModelSource, type WebOptions } from './page/from-pretrained.js';
export type { PageImage } from './page/images.js';
export type {
  Cancellable,
  NamedImage,
  WebExample,
  WebIndex,
  WebIndexOptions,
  WebModel,
  WebSearchOptions,
  WebTrainOptions,
} from './page/web-model.js';
export type { LoadSettings } from './worker/source.js';
export type { TrainedModel } from './worker/train.js';
