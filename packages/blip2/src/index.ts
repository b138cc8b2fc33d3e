export { type Config, type ConfigInput, parseConfig, preset, readConfig } from './config.js';
export { type Converted, convertModel } from './convert/convert.js';
export type { ConvertOptions, StoredDtype } from './convert/draft.js';
export { type EncodeOptions, encodeAll, encodeToFile, type FeatureStore, type Pictures } from './data/features.js';
export { type Lesson, type Lessons, lessonBatch } from './data/lessons.js';
export { mixture, type Source, type Turns, turns } from './data/mixture.js';
export { type Pairs, pairBatch } from './data/pairs.js';
export { type PairOptions, textTensors, type Words } from './data/texts.js';
export { evaluateRetrieval, type Retrieval, type RetrievalOptions } from './evaluate/retrieval.js';
export { evaluateCaptions, evaluateVqa } from './evaluate/scenes.js';
export { type SpeakAllOptions, speakAll } from './evaluate/speak-all.js';
export { type AttentionOptions, type PatchMaps, queryAttention } from './explain/attention.js';
export { type ExplainOptions, explain, writeSheet } from './explain/explain.js';
export { drawSheet, type SheetData } from './explain/sheet.js';
export { type WordMaps, wordRelevance } from './explain/words.js';
export {
  type FeatureKind,
  type Features,
  pairFeatures,
  pictureFeatures,
  textOnlyFeatures,
  visionFeatures,
} from './features/extract.js';
export { type FeatureInputs, type FeatureOptions, writeFeatures } from './features/write.js';
export { type Download, HubError, type HubSettings, type ResolveOptions, resolveModel } from './hub/index.js';
export * from './model/index.js';
export { beginStage2, type ComposeOptions, compose, type Parts, stage1Params, stage2Params } from './parts/compose.js';
export { type BertText, type Language, loadBert, loadLanguageModel, loadVision, type Vision } from './parts/load.js';
export { standardiseVision } from './parts/standardise.js';
export { type Stage2TrainOptions, type StageOptions, trainStage1, trainStage2 } from './parts/train.js';
export { type ReportData, renderReport, writeReport } from './report/index.js';
export { type DemoOptions, type DemoSummary, runDemo } from './run/demo.js';
export { type EvalOptions, type EvalSummary, runEval } from './run/eval.js';
export { type Reporter, silent } from './run/reporter.js';
export { runTrain, type TrainRunOptions } from './run/train.js';
export type { OwnVision } from './run/vision.js';
export { type ApproximateOptions, approximateIndex } from './search/approximate-index.js';
export { type IndexedPicture, openIndex, type PictureIndex } from './search/index-file.js';
export { graphOf, type IndexOptions, type IndexSummary, indexPictures } from './search/make-index.js';
export { pictureFiles } from './search/picture-files.js';
export { type Found, type SearchOptions, searchIndex } from './search/search.js';
export { exactIndex, type Neighbour, type PictureVectors, type VectorIndex } from './search/vector-index.js';
export { type Stage1Params, type Stage2Params, stage1Spec, stage2Spec } from './stages/specs.js';
export { type PairBatch, stage1Terms } from './stages/stage1.js';
export { softPrompt, stage2Terms, type TextBatch, type Texts } from './stages/stage2.js';
export { normedPictureKeys, normFeatures } from './stages/vision-norm.js';
