import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { resolveModel } from '@blip2/hub';
import { type GenerationModel, type LoadedModel, loadFolder, type RetrievalModel, stagesIn } from '@blip2/models';
import type { VisionEncoder } from '@blip2/vision';
import type { DataConfig, RunConfig } from './config/schema.js';
import { Disposables } from './disposables.js';
import { type CaptionScores, evaluateCaptions } from './evaluate/captions.js';
import { evaluateRetrieval, type RetrievalScores } from './evaluate/retrieval.js';
import { evaluateVqa, type VqaScores } from './evaluate/vqa.js';
import type { Reporter } from './reporter.js';
import type { EvaluationData, RunData } from './run-data.js';

export interface EvalOptions<D extends DataConfig = DataConfig, E extends EvaluationData = EvaluationData> {
  /** The folder of a training run, or of one of its models; or a name on the hub. */
  readonly model: string;
  readonly data: RunData<D, E>;
  /** How many candidates of each query are ordered again by ITM. Default 0: ITC alone. */
  readonly rerank?: number;
  readonly seed?: number;
  /** The encoder that the model was trained with, where its folder keeps the name alone; borrowed. */
  readonly vision?: VisionEncoder | undefined;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** The scores as `--json` prints them; shares are between 0 and 1. */
export interface EvalSummary {
  readonly retrieval?: Pick<RetrievalScores, 'candidates' | 'i2t' | 't2i'>;
  readonly captions?: Pick<CaptionScores, 'cider' | 'ciderSwapped' | 'n'> & { readonly samples: readonly object[] };
  readonly vqa?: Omit<VqaScores, 'results'>;
}

/** All scores, with the results behind them. */
export interface Evaluation {
  readonly summary: EvalSummary;
  readonly retrieval?: RetrievalScores & { readonly texts: readonly string[] };
  readonly captions?: CaptionScores;
  readonly vqa?: VqaScores;
}

/** A trained model, and the data that it is evaluated on. */
export interface EvaluationContext<E extends EvaluationData = EvaluationData> {
  readonly retrievalModel?: RetrievalModel | undefined;
  readonly generationModel?: GenerationModel | undefined;
  /** Longest text in tokens. */
  readonly textLength: number;
  readonly data: E;
}

/** Evaluates a model on the evaluation part of a data set. */
export async function runEval<D extends DataConfig, E extends EvaluationData>(
  options: EvalOptions<D, E>,
): Promise<EvalSummary> {
  return withEvaluation(options, async (context) => (await evaluate(context, options)).summary);
}

/** Opens model and data for `body` and frees them afterwards. */
export async function withEvaluation<D extends DataConfig, E extends EvaluationData, T>(
  options: EvalOptions<D, E>,
  body: (context: EvaluationContext<E>) => Promise<T>,
): Promise<T> {
  const { data, seed, reporter, signal } = options;
  const model = await folderOf(options);
  const made = new Disposables();
  try {
    const config = await trainedConfig(model, data);
    const { retrievalModel, generationModel } = await modelsOf(model, made, options.vision);
    const { vision, processor } = (retrievalModel ?? generationModel) as LoadedModel;
    const opened = await data.openEvaluation(
      { config, seed },
      { encoder: { vision: { ...vision, processor } }, reporter, signal },
    );
    made.add(opened, () => opened.close());
    return await body({
      retrievalModel,
      generationModel,
      textLength: config?.data.textLength ?? 35,
      data: opened,
    });
  } finally {
    await made.close();
  }
}

/** Runs every task that model and data allow. */
export async function evaluate(
  { retrievalModel, generationModel, data, textLength }: EvaluationContext,
  { rerank = 0, reporter, signal }: Pick<EvalOptions, 'rerank' | 'reporter' | 'signal'>,
): Promise<Evaluation> {
  const progress = (task: string) => (done: number, total: number) => reporter.progress(task, done, total);
  const aborting = signal ? { signal } : {};
  const retrieval =
    retrievalModel &&
    data.retrieval &&
    (await evaluateRetrieval(retrievalModel, data.retrieval, {
      tokenizer: retrievalModel.tokenizer,
      textLength,
      rerank,
      onProgress: progress('matching'),
      ...aborting,
    }));
  const decoding = { beams: 1, ...aborting };
  const captions =
    generationModel &&
    data.captions &&
    (await evaluateCaptions(generationModel, data.captions, { ...decoding, onProgress: progress('captioning') }));
  const vqa =
    generationModel &&
    data.vqa &&
    (await evaluateVqa(generationModel, data.vqa, { ...decoding, onProgress: progress('answering') }));
  return {
    summary: summaryOf({ retrieval, captions, vqa }),
    ...(retrieval && data.retrieval && { retrieval: { ...retrieval, texts: data.retrieval.texts } }),
    ...(captions && { captions }),
    ...(vqa && { vqa }),
  };
}

/** So many captions are part of a summary. */
const SAMPLES = 8;

function summaryOf({
  retrieval,
  captions,
  vqa,
}: Readonly<{
  retrieval: RetrievalScores | undefined;
  captions: CaptionScores | undefined;
  vqa: VqaScores | undefined;
}>): EvalSummary {
  return {
    ...(retrieval && { retrieval: { candidates: retrieval.candidates, i2t: retrieval.i2t, t2i: retrieval.t2i } }),
    ...(captions && {
      captions: {
        cider: captions.cider,
        ciderSwapped: captions.ciderSwapped,
        n: captions.n,
        samples: captions.results
          .slice(0, SAMPLES)
          .map(({ caption, reference, swapped }) => ({ caption, reference, swapped })),
      },
    }),
    ...(vqa && { vqa: { accuracy: vqa.accuracy, prior: vqa.prior, n: vqa.n, types: vqa.types } }),
  };
}

const MB = 1e6;

const folderOf = ({ model, reporter, signal }: Pick<EvalOptions, 'model' | 'reporter' | 'signal'>): Promise<string> =>
  resolveModel(model, {
    signal,
    onDownload: ({ done, total }) =>
      reporter.progress('downloading (MB)', Math.round(done / MB), Math.round(total / MB)),
    onNote: (text) => reporter.note(text),
  });

/** Both models of a training run's folder, which share an image encoder, or the one model of any other folder. */
async function modelsOf(
  folder: string,
  made: Disposables,
  vision?: VisionEncoder,
): Promise<Pick<EvaluationContext, 'retrievalModel' | 'generationModel'>> {
  const stages = await stagesIn(folder);
  const loaded: LoadedModel[] = [];
  for (const need of stages.length > 0 ? stages : [undefined]) {
    const model = await loadFolder(folder, { need, vision: vision ?? loaded[0]?.vision });
    loaded.push(made.add(model, () => model.dispose()));
  }
  return {
    retrievalModel: loaded.find((model) => model.kind === 'retrieval'),
    generationModel: loaded.find((model) => model.kind === 'generation'),
  };
}

/** The configuration that a run wrote beside its models: in the folder itself or, of one model, in the one above. */
async function trainedConfig<D extends DataConfig>(
  model: string,
  { configs }: Pick<RunData<D>, 'configs'>,
): Promise<RunConfig<D> | undefined> {
  for (const folder of [model, dirname(resolve(model))]) {
    const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => '{}');
    const json: unknown = JSON.parse(text);
    const isRun = typeof json === 'object' && json !== null && 'stage1' in json;
    if (isRun) return configs.parse(json, `the configuration in ${folder}`);
  }
  return undefined;
}
