export { chooseRerank } from './choose-rerank.js';
export { checkConfig } from './config/check.js';
export { type RunConfigs, runConfigs } from './config/run-configs.js';
export { type DataConfig, dataSchema, type RunConfig, type RunConfigInput, runConfigSchema } from './config/schema.js';
export { loraOf, trainsEncoder } from './config/trained.js';
export type { InitialFolders } from './context.js';
export { checkDisk } from './disk.js';
export { Disposables } from './disposables.js';
export {
  type EvalOptions,
  type EvalSummary,
  type Evaluation,
  type EvaluationContext,
  evaluate,
  runEval,
  type SplitEvaluation,
  type SplitSummary,
  withEvaluation,
} from './eval.js';
export {
  type CaptionEvalOptions,
  type CaptionResult,
  type CaptionScores,
  evaluateCaptions,
  evaluateExact,
  type PromptedModel,
} from './evaluate/captions.js';
export type { DecodingSummary, EvalDecoding, TaskDecoding } from './evaluate/decoding.js';
export {
  type AnswerPrediction,
  answerPredictions,
  type CaptionPrediction,
  captionPredictions,
  type GeneratedTexts,
  writePredictions,
} from './evaluate/predictions.js';
export { evaluateRetrieval, type RetrievalOptions, type RetrievalScores } from './evaluate/retrieval.js';
export { type AnswerResult, evaluateVqa, type TypeScore, type VqaEvalOptions, type VqaScores } from './evaluate/vqa.js';
export { type FrozenFolders, fingerprint, frozenFolders } from './frozen.js';
export { type CustomLanguage, withLanguage } from './language.js';
export { type LoggedStep, METRICS, readMetrics, type StageSummary, summarize } from './metrics.js';
export { curvesOf, type LiveReportOptions, liveReport, REPORT } from './observe/live-report.js';
export type { ObservedRun, ObservedStep, RunObserver, StepObserver } from './observe/observer.js';
export { TENSORBOARD, type TensorBoardOptions, tensorBoard } from './observe/tensorboard/observer.js';
export { type Reporter, silent } from './reporter.js';
export {
  type CaptionData,
  type CheckContext,
  type DataContext,
  type EvaluationData,
  type EvaluationOptions,
  type EvaluationTasks,
  type QuestionItem,
  type RetrievalData,
  type RunData,
  rowsOf,
  type Shard,
  type TrainingData,
  type ValidationData,
  type VqaData,
} from './run-data.js';
export { EVALUATIONS, type LoggedEvaluation, readEvaluations } from './selection.js';
export { runTrain, type TrainRunOptions } from './train.js';
export { type CustomVision, openRunVision, type RunVision, withVision } from './vision.js';
