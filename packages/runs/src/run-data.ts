import type { Prompts } from '@blip2/models';
import type { Position } from '@blip2/trainer';
import type {
  FeatureStore,
  Parts,
  Stage1Batch,
  Stage1PixelBatch,
  Stage2Batch,
  Stage2PixelBatch,
} from '@blip2/training';
import type { RunConfigs } from './config/run-configs.js';
import type { DataConfig, RunConfig } from './config/schema.js';
import type { Reporter } from './reporter.js';
import type { RunVision } from './vision.js';

/**
 * A data set that models are trained and evaluated on with `runTrain` and `runEval`. It encodes its images with the frozen
 * image encoder that it is given, and makes batches and evaluation tasks of the features.
 *
 * @typeParam D the part `data` of its configuration
 * @typeParam E its evaluation tasks, possibly with more than runs need
 */
export interface RunData<D extends DataConfig = DataConfig, E extends EvaluationData = EvaluationData> {
  /** The name of the data set, as in `blip2 eval --data NAME`. */
  readonly name: string;
  /** Its configurations and presets; see `runConfigs`. */
  readonly configs: RunConfigs<D>;
  /**
   * Checks that the data set can provide what a configuration asks for, before any model is loaded.
   * @throws in one sentence where it cannot
   */
  check(config: RunConfig<D>, context?: CheckContext): void | Promise<void>;
  /**
   * Selects what of `config.data` determines the trained weights, as a value for JSON: a run is resumed only with equal
   * values. Options that only concern evaluation are left out.
   */
  identity(data: D): unknown;
  /** Opens the training split; called once per run, after the parts have been composed. */
  openTraining(config: RunConfig<D>, context: DataContext & { readonly parts: Parts }): Promise<TrainingData>;
  /** Opens the evaluation split. */
  openEvaluation(options: EvaluationOptions<D>, context: DataContext): Promise<E>;
}

/** Which evaluation split a data set opens. */
export interface EvaluationOptions<D extends DataConfig = DataConfig> {
  /** The configuration that the model was trained with, where its folder holds one. */
  readonly config?: RunConfig<D> | undefined;
  /** Random seed of a split that is drawn. Default: the configuration's. */
  readonly seed?: number | undefined;
}

/** What a data set is checked for. */
export interface CheckContext {
  /** The stages that are trained. Default: both. */
  readonly stages?: readonly (1 | 2)[] | undefined;
  /** The run's folder, for lists of what cannot be used. */
  readonly out?: string | undefined;
  readonly reporter?: Reporter | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The part of every batch that a process has: of its rows, those of `rank` where they are divided evenly by `size`. */
export interface Shard {
  readonly rank: number;
  readonly size: number;
}

/** The part of a batch's rows that a shard has; all of them without one. */
export function rowsOf(count: number, { rank, size }: Shard = { rank: 0, size: 1 }): { begin: number; end: number } {
  return { begin: (count / size) * rank, end: (count / size) * (rank + 1) };
}

/** What a data set is given to encode its images. */
export interface DataContext extends CheckContext {
  /** The part of every batch that it makes, where several processes train together. Default: all of it. */
  readonly shard?: Shard | undefined;
  /** The frozen image encoder with its processor; `fingerprint` identifies its weights, for features cached on disk. */
  readonly encoder: Pick<RunVision, 'vision'> & { readonly fingerprint?: string };
  readonly reporter: Reporter;
}

/** The training split, its images encoded by the frozen image encoder. */
export interface TrainingData {
  /** Makes the batch of stage 1 at a position, or the shard of it, of pixels where the image encoder is trained. Equal positions give equal batches, so that a run can be resumed. */
  stage1(at: Position): Promise<Stage1Batch | Stage1PixelBatch>;
  /** Makes the batch of stage 2 at a position; called only where there is a language model. */
  stage2(at: Position): Promise<Stage2Batch | Stage2PixelBatch>;
  /** Gathers features [S,N,D] of a sample of images, by which `ln_vision` is standardized; the caller disposes them. */
  sampleFeatures(): ReturnType<FeatureStore['gather']>;
  /**
   * Opens images that are held out of training, by whose retrieval task a run decides whether ITM re-ranking helps. Where
   * absent, the trained model re-ranks as published models do.
   */
  validation?(): Promise<ValidationData>;
  /** Whether the best step is selected by `validation`, and training may stop early by it. Default false. */
  readonly selects?: boolean;
  /** Whether all features are computed, so that the run frees the image encoder. Default false. */
  readonly encoded?: boolean;
  /** Tells for how many seconds batches have waited for images to be read and decoded so far; it is then logged. */
  waited?(): number;
  /** The prompts that stage 2 trains with; the trained model keeps them. */
  readonly prompts: Prompts;
  /** Frees features and files. */
  close(): Promise<void>;
}

/** Evaluation tasks of one split: those that the data set supports. */
export interface EvaluationTasks {
  readonly retrieval?: RetrievalData | undefined;
  readonly captions?: CaptionData | undefined;
  /** Images of a single object, scored by exact match of the caption alone. */
  readonly single?: CaptionData | undefined;
  /** Images of a single object, each searched for by the object's name. */
  readonly search?: RetrievalData | undefined;
  readonly vqa?: VqaData | undefined;
}

/** The evaluation split. */
export interface EvaluationData extends EvaluationTasks {
  /** A second split whose kind of images was trained on, in combinations that were not; evaluated by the same tasks. */
  readonly known?: EvaluationTasks | undefined;
  /** Frees features and files. */
  close(): Promise<void>;
}

/** A retrieval task between images and texts that describe them. */
export interface RetrievalData {
  readonly features: FeatureStore;
  readonly texts: readonly string[];
  /** The image that each text describes, by its index in `features`. Default: text i describes image i. */
  readonly imageOf?: readonly number[];
}

/** Evaluation tasks on images that are held out of training. */
export interface ValidationData extends EvaluationTasks {
  /** Frees features and files. */
  close(): Promise<void>;
}

/** A captioning task: images with their reference captions. */
export interface CaptionData {
  readonly features: FeatureStore;
  /** Returns the reference captions of an image, at least one; reports show the first. */
  references(index: number): readonly string[];
  /** Returns the id of an image in files of predictions, such as COCO's number. Default: its index. */
  imageId?(index: number): string | number;
}

/** A VQA task: questions about images; accuracies are reported per type, in the order of `types`. */
export interface VqaData {
  readonly features: FeatureStore;
  readonly types: readonly string[];
  readonly questions: readonly QuestionItem[];
}

/** A question about an image with its reference answer. */
export interface QuestionItem {
  /** Index of the image in `features`. */
  readonly image: number;
  readonly type: string;
  readonly question: string;
  /** The reference answer, which the model's must equal after VQA's normalization. */
  readonly answer: string;
  /** All answers that people gave, where there are several: a model's answer is then scored by the VQA rule. */
  readonly answers?: readonly string[];
  /** The id of the question in files of predictions, such as VQAv2's number. Default: its index. */
  readonly id?: string | number | undefined;
}
