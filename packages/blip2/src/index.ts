export { type ConvertOptions, type ConvertResult, convertModel } from '@blip2/convert';
export { type ExplainOptions, explain, writeSheet } from '@blip2/explain';
export { type DownloadProgress, HubError, type HubSettings, type ResolveOptions, resolveModel } from '@blip2/hub';
export * from '@blip2/models';
export {
  findImages,
  type ImageIndex,
  type IndexOptions,
  type IndexSummary,
  indexImages,
  openIndex,
  type SearchOptions,
  type SearchResult,
  searchIndex,
} from '@blip2/search';
export {
  type ComposeOptions,
  compose,
  initializeStage2,
  loadBert,
  loadLanguageModel,
  loadVision,
  type Parts,
  stage1Params,
  stage2Params,
  trainStage1,
  trainStage2,
} from '@blip2/training';
