import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { resolveModel } from '@blip2/hub';
import {
  type ExternalModels,
  type GenerationModel,
  type LoadedModel,
  loadModels,
  type RetrievalModel,
} from '@blip2/models';
import { starterUrl } from '@blip2/starter';
import { type Communicator, singleProcess } from '@blip2/trainer';
import type { VisionEncoder } from '@blip2/vision';
import type { DataConfig, RunConfig } from './config/schema.js';
import { Disposables } from './disposables.js';
import { inTurn } from './distributed.js';
import { type CaptionScores, evaluateCaptions, evaluateExact, type SingleScores } from './evaluate/captions.js';
import { type DecodingSummary, decodingSummary, type EvalDecoding, evalDecoding } from './evaluate/decoding.js';
import { expectWritable, writePredictions } from './evaluate/predictions.js';
import { evaluateRetrieval, type RetrievalScores } from './evaluate/retrieval.js';
import { evaluateVqa, type VqaScores } from './evaluate/vqa.js';
import { type Reporter, silent } from './reporter.js';
import type { EvaluationData, EvaluationTasks, RetrievalData, RunData } from './run-data.js';

/** Options of `runEval`. */
export interface EvalOptions<D extends DataConfig = DataConfig, E extends EvaluationData = EvaluationData> {
  /** The folder of a training run or of a model (a path or a `file:` URL), or a hub name. Default: that of `@blip2/starter`. */
  readonly model?: string | URL | undefined;
  /** The data set to evaluate on. */
  readonly data: RunData<D, E>;
  /** How many candidates of each query are re-ranked by ITM; 0: the order is that of ITC. Default: what the model says. */
  readonly rerank?: number;
  /** How text is generated. Default: greedy search, at most 24 new tokens of a caption and 8 of an answer. */
  readonly decoding?: EvalDecoding | undefined;
  /** A file, a path or a `file:` URL, for captions and answers in the formats of leaderboards; see `writePredictions`. */
  readonly predictions?: string | URL | undefined;
  /** Random seed of an evaluation split that is drawn. Default: that of the run. */
  readonly seed?: number;
  /** The image encoder that the model was trained with, where its folder holds only the name; it is borrowed. */
  readonly vision?: VisionEncoder | undefined;
  /** The language model that the model was trained with, where its folder holds only the name; it is borrowed. */
  readonly language?: ExternalModels['language'];
  /** Default: reports nothing. */
  readonly reporter?: Reporter;
  readonly signal?: AbortSignal | undefined;
  /**
   * The processes that evaluate together, each with its share of the images and questions; all get all scores, and process 0
   * alone writes predictions and reports. Default: this one alone.
   */
  readonly communicator?: Communicator | undefined;
}

/** The scores of one split. Recall, accuracy and shares are between 0 and 1. */
export interface SplitSummary {
  readonly retrieval?: Pick<RetrievalScores, 'candidates' | 'images' | 'i2t' | 't2i' | 'rerank'>;
  readonly captions?: Pick<CaptionScores, 'cider' | 'ciderSwapped' | 'bleu' | 'rougeL' | 'exact' | 'n'> & {
    readonly samples: readonly object[];
  };
  readonly single?: Pick<SingleScores, 'exact' | 'n'>;
  readonly search?: Pick<RetrievalScores, 'images' | 't2i' | 'rerank'>;
  readonly vqa?: Omit<VqaScores, 'results'>;
}

/** The scores of a model, as `blip2 eval --json` prints them; `known` has those of the split of known images. */
export interface EvalSummary extends SplitSummary {
  readonly known?: SplitSummary;
  /** How captions and answers were generated. */
  readonly decoding?: DecodingSummary;
}

/** The scores of one split with the results behind them. */
export interface SplitEvaluation {
  /** How captions and answers were generated. */
  readonly decoding?: DecodingSummary;
  readonly retrieval?: RetrievalScores & { readonly texts: readonly string[] };
  readonly captions?: CaptionScores;
  readonly single?: SingleScores;
  readonly search?: RetrievalScores;
  readonly vqa?: VqaScores;
}

/** The scores of a model with the results behind them. */
export interface Evaluation extends SplitEvaluation {
  readonly summary: EvalSummary;
  readonly known?: SplitEvaluation;
}

/** A loaded model with the data that it is evaluated on. */
export interface EvaluationContext<E extends EvaluationData = EvaluationData> {
  readonly retrievalModel?: RetrievalModel | undefined;
  readonly generationModel?: GenerationModel | undefined;
  /** The maximum length of texts in tokens. */
  readonly textLength: number;
  readonly data: E;
}

/**
 * Evaluates a model on a data set: retrieval with a retrieval model, captioning and VQA with a generation model, as far as
 * the data set has these tasks.
 * @throws as `resolveModel` and `loadFolder` do, and where predictions cannot be written
 */
export async function runEval<D extends DataConfig, E extends EvaluationData>(
  given: EvalOptions<D, E>,
): Promise<EvalSummary> {
  const first = (given.communicator?.rank ?? 0) === 0;
  const reporter = first ? (given.reporter ?? silent) : silent;
  const predictions = first ? given.predictions : undefined;
  const options = { ...given, reporter };
  if (predictions !== undefined) await expectWritable(predictions);
  return withEvaluation(options, async (context) => {
    const evaluation = await evaluate(context, options);
    const written = predictions === undefined ? [] : await writePredictions(predictions, evaluation, context.data);
    for (const path of written) reporter.note(`Predictions are in ${path}.`);
    return evaluation.summary;
  });
}

/** Opens the model and the evaluation data for `body`, and frees them afterwards. */
export async function withEvaluation<D extends DataConfig, E extends EvaluationData, T>(
  options: EvalOptions<D, E>,
  body: (context: EvaluationContext<E>) => Promise<T>,
): Promise<T> {
  const { data, seed, reporter = silent, signal, communicator = singleProcess } = options;
  const model = await folderOf(options.model, { reporter, signal });
  const resources = new Disposables();
  try {
    const config = await trainedConfig(model, data);
    const { retrievalModel, generationModel } = await modelsOf(model, resources, options);
    const { vision, processor } = (retrievalModel ?? generationModel) as LoadedModel;
    const open = () =>
      data.openEvaluation({ config, seed }, { encoder: { vision: { ...vision, processor } }, reporter, signal });
    const opened = await inTurn(communicator, open);
    resources.add(opened, () => opened.close());
    return await body({
      retrievalModel,
      generationModel,
      textLength: config?.data.textLength ?? 35,
      data: opened,
    });
  } finally {
    await resources.close();
  }
}

type EvaluateOptions = Pick<EvalOptions, 'rerank' | 'decoding' | 'reporter' | 'signal' | 'communicator'>;

/** Evaluates an open model on every task that it and the data support, of both splits. */
export async function evaluate(context: EvaluationContext, options: EvaluateOptions): Promise<Evaluation> {
  const { known: knownTasks, ...tasks } = context.data;
  const scores = await evaluateSplit(context, tasks, options);
  const known = knownTasks && (await evaluateSplit(context, knownTasks, options));
  return {
    summary: {
      ...summaryOf(scores),
      ...(known && { known: summaryOf(known) }),
      ...(scores.decoding && { decoding: scores.decoding }),
    },
    ...scores,
    ...(known && { known }),
  };
}

async function evaluateSplit(
  { retrievalModel, generationModel, textLength }: EvaluationContext,
  tasks: EvaluationTasks,
  { rerank: given, decoding: chosen = {}, reporter = silent, signal, communicator }: EvaluateOptions,
): Promise<SplitEvaluation> {
  const { itm = false, k = 0 } = retrievalModel?.rerank ?? {};
  const rerank = given ?? (itm ? k : 0);
  const aborting = { communicator, ...(signal ? { signal } : {}) };
  const progress = (task: string) => ({
    onProgress: (done: number, total: number) => reporter.progress(task, done, total),
  });
  const captioning = generationModel && evalDecoding('caption', chosen, generationModel);
  const answering = generationModel && evalDecoding('ask', chosen, generationModel);
  const retrieve = (data: RetrievalData | undefined): Promise<RetrievalScores> | undefined =>
    retrievalModel &&
    data &&
    evaluateRetrieval(retrievalModel, data, {
      tokenizer: retrievalModel.tokenizer,
      textLength,
      rerank,
      ...progress('matching'),
      ...aborting,
    });
  const retrieval = await retrieve(tasks.retrieval);
  const search = await retrieve(tasks.search);
  const captions =
    generationModel &&
    tasks.captions &&
    (await evaluateCaptions(generationModel, tasks.captions, {
      ...captioning,
      ...aborting,
      ...progress('captioning'),
    }));
  const single =
    generationModel &&
    tasks.single &&
    (await evaluateExact(generationModel, tasks.single, { ...captioning, ...aborting, ...progress('captioning') }));
  const vqa =
    generationModel &&
    tasks.vqa &&
    (await evaluateVqa(generationModel, tasks.vqa, { ...answering, ...aborting, ...progress('answering') }));
  const decoding = decodingSummary({
    captions: captions || single ? captioning : undefined,
    vqa: vqa ? answering : undefined,
  });
  return {
    ...(decoding && { decoding }),
    ...(retrieval && tasks.retrieval && { retrieval: { ...retrieval, texts: tasks.retrieval.texts } }),
    ...(captions && { captions }),
    ...(single && { single }),
    ...(search && { search }),
    ...(vqa && { vqa }),
  };
}

/** The number of captions in a summary. */
const SAMPLES = 8;

function summaryOf({ retrieval, captions, single, search, vqa }: SplitEvaluation): SplitSummary {
  return {
    ...(retrieval && {
      retrieval: {
        candidates: retrieval.candidates,
        images: retrieval.images,
        i2t: retrieval.i2t,
        t2i: retrieval.t2i,
        rerank: retrieval.rerank,
      },
    }),
    ...(captions && {
      captions: {
        cider: captions.cider,
        ciderSwapped: captions.ciderSwapped,
        bleu: captions.bleu,
        rougeL: captions.rougeL,
        exact: captions.exact,
        n: captions.n,
        samples: captions.results
          .slice(0, SAMPLES)
          .map(({ caption, reference, swapped }) => ({ caption, reference, swapped })),
      },
    }),
    ...(single && { single: { exact: single.exact, n: single.n } }),
    ...(search && { search: { images: search.images, t2i: search.t2i, rerank: search.rerank } }),
    ...(vqa && { vqa: { accuracy: vqa.accuracy, prior: vqa.prior, n: vqa.n, types: vqa.types } }),
  };
}

const MB = 1e6;

const folderOf = (
  model: string | URL = starterUrl('blip2'),
  { reporter, signal }: { reporter: Reporter; signal: AbortSignal | undefined },
): Promise<string> =>
  resolveModel(model, {
    signal,
    onDownload: ({ done, total }) =>
      reporter.progress('downloading (MB)', Math.round(done / MB), Math.round(total / MB)),
    onNote: (text) => reporter.note(text),
  });

async function modelsOf(
  folder: string,
  resources: Disposables,
  { vision, language }: Pick<EvalOptions, 'vision' | 'language'>,
): Promise<Pick<EvaluationContext, 'retrievalModel' | 'generationModel'>> {
  const loaded = await loadModels(folder, { vision, language });
  for (const model of loaded) resources.add(model, () => model.dispose());
  return {
    retrievalModel: loaded.find((model) => model.kind === 'retrieval'),
    generationModel: loaded.find((model) => model.kind === 'generation'),
  };
}

/** Reads the configuration of a run from its folder; for the folder of one of its models, from the parent folder. */
async function trainedConfig<D extends DataConfig>(
  model: string,
  { configs }: Pick<RunData<D>, 'configs'>,
): Promise<RunConfig<D> | undefined> {
  for (const folder of [model, dirname(resolve(model))]) {
    const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => '{}');
    const json: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    const isRun = typeof json === 'object' && json !== null && 'stage1' in json;
    if (isRun) return parsed(json as Json, configs, folder);
  }
  return undefined;
}

type Json = { readonly data?: { readonly textLength?: unknown }; readonly [key: string]: unknown };

/** Parses the configuration of a run; one of another data set shares with this one's only the length of texts. */
function parsed<D extends DataConfig>(json: Json, configs: RunData<D>['configs'], folder: string): RunConfig<D> {
  const origin = `the configuration in ${folder}`;
  try {
    return configs.parse(json, origin);
  } catch {
    const textLength = json.data?.textLength;
    return configs.parse({ ...json, data: textLength === undefined ? {} : { textLength } }, origin);
  }
}
