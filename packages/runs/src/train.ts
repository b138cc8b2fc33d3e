import { join } from 'node:path';
import { SimdBackend } from '@blip2/backend-simd';
import { cacheKey } from '@blip2/data';
import { type FrozenModel, modelFolder, type RerankConfig, saveStage1, saveStage2 } from '@blip2/models';
import { openTrained } from '@blip2/models/folder';
import { isFile, toPath } from '@blip2/tensor/files';
import { type Communicator, latestCheckpoint, onFirst, singleProcess } from '@blip2/trainer';
import {
  initializeStage2,
  type StageOptions,
  stage1Params,
  stage2Params,
  trainStage1,
  trainStage2,
} from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { chooseRerank } from './choose-rerank.js';
import type { DataConfig, RunConfig } from './config/schema.js';
import { loraOf } from './config/trained.js';
import { type InitialFolders, openTrainingContext, type TrainingContext } from './context.js';
import { follow } from './follow.js';
import { fingerprint } from './frozen.js';
import { type CustomLanguage, withLanguage } from './language.js';
import { joinObservers, type Observers, type RunObserver } from './observe/observer.js';
import { type Reporter, silent } from './reporter.js';
import type { RunData } from './run-data.js';
import { openSelection, readEvaluations, type Selection } from './selection.js';
import { type CustomVision, withVision } from './vision.js';

/** Options of `runTrain`. */
export interface TrainRunOptions<D extends DataConfig = DataConfig> {
  /** The data set to train on. */
  readonly data: RunData<D>;
  /** The folder for checkpoints, metrics and trained models: a path or a `file:` URL. */
  readonly out: string | URL;
  /** An image encoder in place of the one that the configuration names. It is borrowed; loading the models needs it again. */
  readonly vision?: CustomVision | undefined;
  /** A language model in place of the one that the configuration names. It is borrowed; loading the models needs it again. */
  readonly language?: CustomLanguage | undefined;
  /** The stages to train. Default: both. */
  readonly stages?: readonly (1 | 2)[];
  /**
   * Trained models to start from, as `runTrain` saves them: all that is trained begins with exactly their weights. With
   * `initial.stage1` the configuration's BERT and `standardizeVision` have no effect; with `initial.stage2` stage 2 does not
   * start from stage 1 and can be trained without it. A resumed run must be given the same.
   */
  readonly initial?: InitialFolders | undefined;
  /** Continue from the last checkpoints in `out`. Default false. */
  readonly resume?: boolean;
  /** Stop each stage after this many steps, without changing its schedule. No model is saved and no stage follows. */
  readonly maxSteps?: number;
  /** Default: reports nothing. */
  readonly reporter?: Reporter;
  /** Follow the steps beside `metrics.jsonl`, such as `tensorBoard()`. Default: none. */
  readonly observers?: readonly RunObserver[];
  /** Stops after a step: the last checkpoint stays, and the call throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The processes that train together, as `openMpi` of `@blip2/mpi` gives them: each calls `runTrain` with the same
   * configuration, and has an even part of every batch. Process 0 alone writes and reports; the others read nothing of `out`.
   * Default: this one alone.
   */
  readonly communicator?: Communicator | undefined;
}

/** The options of a run whose data set is open. */
type StageRun = Omit<TrainRunOptions, 'data' | 'out' | 'reporter' | 'observers' | 'communicator'> & {
  readonly communicator: Communicator;
  readonly identity: unknown;
  readonly out: string;
  readonly reporter: Reporter;
  readonly observers: Observers;
};

/**
 * Trains one stage or both on a data set. Writes `config.json`, `metrics.jsonl`, checkpoints, and the models as Hugging
 * Face folders `stage1` and `stage2`, which `fromPretrained(out)` loads.
 * @throws where `out` holds a run already and `resume` is not set, where a resumed run differs in configuration, data or
 * backend, where stage 2 has no finished stage 1, where processes cannot divide a batch evenly, and where the Q-Former of an initial
 * model is not that of the configuration
 */
export async function runTrain<D extends DataConfig>(given: RunConfig<D>, options: TrainRunOptions<D>): Promise<void> {
  const { data, vision, language, stages = [1, 2], initial = {}, resume = false, signal } = options;
  const { communicator = singleProcess } = options;
  const first = communicator.rank === 0;
  const reporter = first ? (options.reporter ?? silent) : silent;
  const out = toPath(options.out);
  const config = withLanguage(withVision(given, vision), language);
  const alone = !stages.includes(1) && initial.stage2 !== undefined;
  await onFirst(communicator, async () => {
    for (const stage of resume ? [] : stages) {
      if (await latestCheckpoint(checkpoints(out, stage))) {
        throw new Error(`${out} holds a run already; continue it with --resume or choose another --out.`);
      }
    }
    if (!stages.includes(1) && !alone) await expectStage1(config, out);
  });
  if (stages.includes(1) && initial.stage2 && !initial.stage1) {
    throw new Error(
      'Stage 2 would start from the given model and not from stage 1; train it alone, or give a model of stage 1 too.',
    );
  }
  const context = await openTrainingContext(config, {
    data,
    vision,
    language,
    reporter,
    signal,
    stages,
    out,
    initial: stages.includes(2) ? initial : { stage1: initial.stage1 },
    communicator,
  });
  const observers = joinObservers(first ? (options.observers ?? []) : [], { out, config });
  const run = { ...options, communicator, out, reporter, observers, identity: data.identity(config.data) };
  try {
    // stage 2 alone reads the last checkpoint of stage 1, which has no steps left to train
    const finished = alone || (await runStage1(context, stages.includes(1) ? run : { ...run, resume: true }));
    if (finished && stages.includes(2)) await runStage2(context, run);
  } finally {
    await observers.close().finally(() => context.close());
  }
}

const checkpoints = (out: string, stage: 1 | 2): string => join(out, 'checkpoints', `stage${stage}`);

/** @throws where stage 1 is not trained to its end */
async function expectStage1({ stage1 }: Pick<RunConfig, 'stage1'>, out: string): Promise<void> {
  const found = await latestCheckpoint(checkpoints(out, 1));
  const evaluations = await readEvaluations(out);
  if (found?.step === stage1.steps || evaluations.some((one) => one.stage === 1 && one.stopped)) return;
  const has = `${out} has ${found?.step ?? 0} of ${stage1.steps} steps`;
  throw new Error(`Stage 2 starts from stage 1, of which ${has}; train stage 1 first.`);
}

/** @returns whether the stage is trained to its end */
async function runStage1(context: TrainingContext, options: StageRun): Promise<boolean> {
  const { config, parts, encoder, data } = context;
  const stage = await stageOptions(1, context, { ...options, batches: (at) => data.stage1(at) });
  const run = trainStage1(parts, {
    ...stage,
    labelSmoothing: config.labelSmoothing,
    gradCache: config.stage1.gradCache,
    standardizeVision: config.stage1.standardizeVision && !options.initial?.stage1 && (() => data.sampleFeatures()),
  });
  const selection = await selectionOf(1, context, { ...options, ...stage });
  const { trained, finished } = await follow(1, run, { ...options, config, data, selection });
  if (finished) await selection?.restore();
  const folder = join(options.out, 'stage1');
  const { communicator } = options;
  if (finished && (trained || !(await onFirst(communicator, () => isFile(join(folder, 'config.json')))))) {
    const rerank = (await measureRerank(context, options)) ?? (await rerankOf(options.initial?.stage1));
    if (communicator.rank > 0) return finished;
    await saveStage1(folder, {
      config: parts.config,
      params: stage1Params(parts),
      vision: savedVision(context),
      processor: encoder.vision.processor,
      tokenizer: context.tokenizer,
      ...(rerank && { rerank }),
    });
  }
  return finished;
}

/** How the model that a run starts from orders candidates, which is kept where nothing is held out to measure it. */
async function rerankOf(initial: string | URL | undefined): Promise<RerankConfig | undefined> {
  if (initial === undefined) return undefined;
  const { rerank, weights } = await openTrained(initial, 'retrieval');
  await weights.close();
  return rerank;
}

/** The image encoder as it is saved: with what has been trained of it. */
const savedVision = ({ encoder: { frozen }, parts }: TrainingContext): FrozenModel =>
  'external' in frozen ? frozen : { ...frozen, trained: parts.encoder };

async function measureRerank(
  { config, parts, data }: TrainingContext,
  { signal, communicator }: Pick<StageRun, 'signal' | 'communicator'>,
): Promise<RerankConfig | undefined> {
  const validation = await data.validation?.();
  try {
    if (!validation?.retrieval) return undefined;
    const model = { config: parts.config, params: stage1Params(parts), tokenizer: parts.text.tokenizer };
    return await chooseRerank(model, validation.retrieval, {
      textLength: config.data.textLength,
      signal,
      communicator,
    });
  } finally {
    await validation?.close();
  }
}

async function runStage2(context: TrainingContext, options: StageRun): Promise<void> {
  const { config, parts, encoder, language, data } = context;
  if (!options.initial?.stage2) initializeStage2(parts);
  const stage = await stageOptions(2, context, { ...options, batches: (at) => data.stage2(at) });
  const { phraseWeight, heldOutWeight, heldOutMargin, projectionRateScale } = config.stage2;
  const lora = loraOf(config);
  const run = trainStage2(parts, {
    ...stage,
    phraseWeight,
    heldOutWeight,
    heldOutMargin,
    projectionRateScale,
    ...(lora && { lora }),
  });
  const selection = await selectionOf(2, context, { ...options, ...stage });
  const { trained, finished } = await follow(2, run, { ...options, config, data, selection });
  if (finished) await selection?.restore();
  const folder = join(options.out, 'stage2');
  if (finished && options.communicator.rank === 0 && (trained || !(await isFile(join(folder, 'config.json'))))) {
    await saveStage2(folder, {
      config: parts.config,
      params: stage2Params(parts),
      vision: savedVision(context),
      processor: encoder.vision.processor,
      tokenizer: language!.tokenizer,
      language: language!.frozen,
      prompts: data.prompts,
      ...(lora && { adapter: { tensors: parts.adapters, config: lora } }),
    });
  }
}

const selectionOf = (
  stage: 1 | 2,
  { config, parts, data }: TrainingContext,
  {
    out,
    resume = false,
    reporter,
    observers,
    signal,
    trainer,
    communicator,
  }: StageRun & Pick<StageOptions<unknown>, 'trainer'>,
): Promise<Selection | undefined> =>
  openSelection({
    stage,
    config,
    parts,
    data,
    out,
    checkpoints: checkpoints(out, stage),
    resume,
    identity: JSON.stringify(trainer?.environment),
    reporter,
    observers,
    signal,
    communicator,
  });

async function stageOptions<B>(
  stage: 1 | 2,
  { config, folders, encoder, language }: TrainingContext,
  {
    out,
    initial = {},
    resume = false,
    maxSteps,
    signal,
    identity,
    batches,
    communicator,
  }: StageRun & {
    batches: StageOptions<B>['data'];
  },
): Promise<StageOptions<B>> {
  const {
    checkpointEvery,
    evaluateEvery,
    patience,
    batchSize,
    maxGradNorm,
    accumulationSteps,
    recompute,
    parameters,
    layerDecay,
    ...others
  } = stage === 1 ? config.stage1 : config.stage2;
  const { gradCache, lora, ...settings } = { gradCache: false, lora: null, ...others };
  const { steps, learningRate, minLearningRate, warmupSteps, weightDecay, betas } = settings;
  const { seed, qformer, labelSmoothing } = config;
  const short = async (...parts: unknown[]): Promise<string> => (await cacheKey(...parts)).slice(0, 16);
  return {
    data: batches,
    steps,
    learningRate,
    minLearningRate,
    warmupSteps,
    weightDecay,
    betas,
    parameters,
    layerDecay,
    recompute,
    ...(maxSteps === undefined ? {} : { until: maxSteps }),
    trainer: {
      accumulationSteps,
      ...(maxGradNorm === null ? {} : { maxGradNorm }),
      ...(signal ? { signal } : {}),
      communicator,
      checkpoint: { dir: checkpoints(out, stage), every: checkpointEvery },
      resume,
      environment: {
        ...environment(),
        config: await short(
          { seed, qformer, labelSmoothing, batchSize, maxGradNorm, accumulationSteps },
          identity,
          settings,
          ...(gradCache || lora || parameters.length > 0 ? [{ gradCache, lora, parameters, layerDecay }] : []),
          ...(patience === null ? [] : [{ evaluateEvery: evaluateEvery ?? checkpointEvery, patience }]),
        ),
        vision: await short(encoder.fingerprint),
        ...(stage === 2
          ? {
              language: await short(language?.fingerprint),
              ...(initial.stage2
                ? { initial: await short(await fingerprint(await modelFolder(initial.stage2, 'generation'))) }
                : communicator.rank > 0
                  ? {} // process 0 alone compares, and has the folder
                  : { stage1: await short(await fingerprint(join(out, 'stage1'))) }),
            }
          : { [initial.stage1 ? 'initial' : 'text']: await short(await fingerprint(folders.text)) }),
      },
    },
  };
}

/** What a resumed run must have in common with the interrupted one besides its configuration. */
function environment(): { threads: number; relaxedSimd: string } {
  const backend: object = tf.backend();
  if (!(backend instanceof SimdBackend)) return { threads: 1, relaxedSimd: 'none' };
  return { threads: backend.pool.threads, relaxedSimd: String(backend.relaxedSimd) };
}
