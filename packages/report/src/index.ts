export { times } from './format.js';
export { heatColors, paintHeat, queryMaps } from './heat.js';
export { fit } from './image.js';
export { renderReport } from './report.js';
export type {
  Attention,
  Bounds,
  CaptionSample,
  Captions,
  Curve,
  CurveStep,
  KnownSplit,
  Question,
  Recall,
  ReportData,
  Retrieval,
  RunInfo,
  RunProgress,
  Search,
  Singles,
  VqaScore,
} from './types.js';
export { writeReport } from './write.js';
