import type { Prompts } from '@blip2/models';
import type { Position } from '@blip2/trainer';
import type { FeatureStore, Parts, Stage1Batch, Stage2Batch } from '@blip2/training';
import type { RunConfigs } from './config/run-configs.js';
import type { DataConfig, RunConfig } from './config/schema.js';
import type { Reporter } from './reporter.js';
import type { RunVision } from './vision.js';

/** What a data set gets besides its configuration. */
export interface DataContext {
  readonly encoder: Pick<RunVision, 'vision'> & { readonly fingerprint?: string };
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** A data set as a run trains on it, its images encoded by the frozen encoder. */
export interface TrainingData {
  /** Makes the batch of stage 1 at a position. */
  stage1(at: Position): Promise<Stage1Batch>;
  /** Makes the batch of stage 2 at a position; called only where there is a language model. */
  stage2(at: Position): Promise<Stage2Batch>;
  /** Features [S,N,D] of a sample of images, by which `ln_vision` is standardized; the caller owns them. */
  sampleFeatures(): ReturnType<FeatureStore['gather']>;
  /** The prompts that stage 2 trains with, which the trained model keeps. */
  readonly prompts: Prompts;
  close(): Promise<void>;
}

/** A caption task: images with the captions that count as right. */
export interface CaptionData {
  readonly features: FeatureStore;
  /** Captions of an image, the one that is shown as right first. */
  references(index: number): readonly string[];
}

/** A question about an image with its right answer. */
export interface QuestionItem {
  /** Index of the image in `features`. */
  readonly image: number;
  readonly type: string;
  readonly question: string;
  readonly answer: string;
}

/** A VQA task: questions about images; accuracies are given per type, in the order of `types`. */
export interface VqaData {
  readonly features: FeatureStore;
  readonly types: readonly string[];
  readonly questions: readonly QuestionItem[];
}

/** A data set as a model is evaluated on it; a task that it has no data for is left out. */
export interface EvaluationData {
  /** Text i belongs to image i. */
  readonly retrieval?: { readonly features: FeatureStore; readonly texts: readonly string[] } | undefined;
  readonly captions?: CaptionData | undefined;
  readonly vqa?: VqaData | undefined;
  close(): Promise<void>;
}

/** A data set that models can be trained and evaluated on. */
export interface RunData<D extends DataConfig = DataConfig, E extends EvaluationData = EvaluationData> {
  readonly name: string;
  /** Its configurations and presets. */
  readonly configs: RunConfigs<D>;
  /** @throws where the data cannot give what a configuration asks for, before anything is loaded */
  check(config: RunConfig<D>): void;
  /** What of `config.data` decides what is learned: a run whose identity changed is not resumed. */
  identity(data: D): unknown;
  openTraining(config: RunConfig<D>, context: DataContext & { readonly parts: Parts }): Promise<TrainingData>;
  /** @param options.config the configuration that the model was trained with, where its folder holds one */
  openEvaluation(
    options: { readonly config?: RunConfig<D> | undefined; readonly seed?: number | undefined },
    context: DataContext,
  ): Promise<E>;
}
