import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheKey, loadTokenizer } from '@blip2/data';
import { emojiTraining } from '@blip2/demo';
import { modelKindsIn, saveStage1, saveStage2 } from '@blip2/models';
import { openTrained } from '@blip2/models/folder';
import { chooseRerank, Disposables, frozenFolders, openRunVision, type Reporter, type TrainingData } from '@blip2/runs';
import { latestCheckpoint, openMetrics, type TrainStep } from '@blip2/trainer';
import {
  compose,
  type InitialModels,
  loadLanguageModel,
  type Parts,
  type StageOptions,
  stage1Params,
  stage2Params,
  trainStage1,
  trainStage2,
} from '@blip2/training';
import { allVendorsImages } from './all-vendors.js';
import type { PretrainConfig } from './config.js';
import { type FirefoxSizes, type FirefoxTasks, firefoxTasks } from './firefox.js';
import { bestOf, logsOf, readHistory, readLines, readLogs, writeHistory } from './history.js';
import { type Validation, validateStage1, validateStage2 } from './validate.js';

/** Options of `pretrainBlip2`. */
export interface Blip2Options {
  /** The folder of the run: checkpoints, logs, and the best models by Firefox OS, `stage1` and `stage2`. */
  readonly out: string;
  /** Where drawings are kept. */
  readonly work: string;
  readonly config: PretrainConfig;
  readonly stages: readonly (1 | 2)[];
  /** A folder with `stage1` and `stage2` whose weights the stages begin with. */
  readonly from?: string | undefined;
  /** Stage 2 begins with stage 1 of this run also where `from` has a stage 2. */
  readonly fresh?: boolean;
  /** Stop at the first checkpoint after so many hours; the next call goes on. Default: no limit. */
  readonly hours?: number;
  /** Steps between two validations. Default 250. */
  readonly validateEvery?: number;
  /** How much is drawn for validations. */
  readonly validation?: FirefoxSizes;
}

/** What a run tells while it goes. */
export interface Blip2Reports {
  step(stage: 1 | 2, step: TrainStep): void;
  validation(stage: 1 | 2, found: Validation): void;
  readonly reporter: Reporter;
}

type Stage = 1 | 2;

/**
 * Trains both stages on emoji drawn by the training vendors, and keeps of each the model that is best by Firefox OS' drawings.
 * A run that was stopped or killed goes on from its last checkpoint.
 * @returns whether all stages are trained to their end
 */
export async function pretrainBlip2(options: Blip2Options, on: Blip2Reports): Promise<boolean> {
  const { out, from, stages } = options;
  await mkdir(out, { recursive: true });
  const deadline = performance.now() + (options.hours ?? Number.POSITIVE_INFINITY) * 3_600_000;
  const before = from === undefined ? undefined : await readHistory(from);
  // each run sees other scenes than those before it
  const config = { ...options.config, seed: options.config.seed + (before?.runs.length ?? 0) };
  const record = async (): Promise<void> => {
    const began = before?.ships?.stage1;
    const mean = stages.includes(1) && typeof began === 'object';
    const continued = options.fresh || mean ? (began ?? true) : from !== undefined;
    const run = { continued, config, ...(await readLogs(out)) };
    await writeHistory(out, { runs: [...(before?.runs ?? []), run] });
  };
  await record();
  for (const stage of stages) {
    const finished = await trainStage(stage, { ...options, config, deadline }, on);
    await record();
    if (!finished) return false;
  }
  return true;
}

type StageRun = Blip2Options & { readonly deadline: number };

/** What a stage is trained with. */
interface Context {
  readonly parts: Parts;
  readonly data: TrainingData;
  readonly tasks: FirefoxTasks;
  /** Saves the parameters as they are now as OUT/stageN. */
  save(): Promise<void>;
  validate(step: number): Promise<Validation>;
}

/** @returns whether the stage is trained to its end */
async function trainStage(stage: Stage, options: StageRun, on: Blip2Reports): Promise<boolean> {
  const { out, config, deadline, validateEvery = 250 } = options;
  const { steps, checkpointEvery } = stage === 1 ? config.stage1 : config.stage2;
  const dir = join(out, 'checkpoints', `stage${stage}`);
  const checkpointed = (await latestCheckpoint(dir))?.step ?? 0;
  if (checkpointed === steps) return true;
  const resources = new Disposables();
  try {
    const context = await openContext(stage, options, { resources, on });
    const kept = { lastStep: checkpointed };
    const logs = logsOf(out, stage);
    const metrics = await openMetrics(logs.steps, kept);
    const validations = await openMetrics(logs.validations, kept);
    let best = bestOf(await readLines<Validation>(logs.validations))?.score ?? Number.NEGATIVE_INFINITY;
    for await (const step of run(stage, context, { ...options, dir })) {
      await metrics.append(step);
      on.step(stage, step);
      const last = step.step === steps;
      if (last || step.step % validateEvery === 0) {
        const found = await context.validate(step.step);
        on.validation(stage, found);
        if (found.score > best) await context.save();
        best = Math.max(best, found.score);
        await validations.append(found);
      }
      const saved = step.step - 1; // a step is checkpointed after it was told
      const stops = saved > checkpointed && saved % checkpointEvery === 0 && performance.now() > deadline;
      if (stops && !last) return false;
    }
    return true;
  } finally {
    await resources.close();
  }
}

async function openContext(
  stage: Stage,
  { out, work, config, from, fresh = false, validation }: StageRun,
  { resources, on: { reporter } }: { readonly resources: Disposables; readonly on: Blip2Reports },
): Promise<Context> {
  const folders = frozenFolders(config);
  const encoder = resources.add(await openRunVision(config), (opened) => opened.dispose());
  const language =
    stage === 2 ? resources.add(await loadLanguageModel(folders.language), (model) => model.dispose?.()) : undefined;
  const initial = await openInitial(stage, { out, from, fresh }, resources);
  const { dropout, ...sizes } = config.qformer;
  const parts = await compose({
    vision: encoder.vision,
    text: { tokenizer: await loadTokenizer(folders.text) },
    ...(language && { language }),
    qformer: { ...sizes, dropout, attentionDropout: dropout },
    initial,
    seed: config.seed,
  });
  resources.add(parts, () => parts.dispose());
  const images = config.data.allVendors
    ? resources.add(
        await allVendorsImages({
          ...{ vision: encoder.vision, fingerprint: encoder.fingerprint, reporter },
          ...{ work: join(work, 'all-vendors'), augmented: config.data.augmented },
          ...{ augmentedViews: config.data.augmentedViews, seed: config.seed },
        }),
        (drawn) => drawn.close(),
      )
    : undefined;
  const data = await emojiTraining(config, { encoder, parts, reporter, ...(images && { images }) });
  resources.add(data, () => data.close());
  const tasks = await firefoxTasks(encoder.vision, join(work, 'firefox'), validation);
  const { textLength } = config.data;
  const saved = { config: parts.config, vision: encoder.frozen, processor: encoder.vision.processor };
  if (stage === 1) {
    const model = () => ({ config: parts.config, params: stage1Params(parts), tokenizer: parts.text.tokenizer });
    return {
      parts,
      data,
      tasks,
      validate: (step) => validateStage1(model(), tasks, { step, textLength }),
      async save() {
        const held = await data.validation?.();
        const rerank = held?.retrieval && (await chooseRerank(model(), held.retrieval, { textLength }));
        await held?.close();
        const { params } = model();
        await saveStage1(join(out, 'stage1'), { ...saved, params, tokenizer: folders.text, ...(rerank && { rerank }) });
      },
    };
  }
  const generation = () => ({
    config: parts.config,
    params: stage2Params(parts),
    language: language!,
    prompts: data.prompts,
  });
  return {
    parts,
    data,
    tasks,
    validate: (step) => validateStage2({ ...generation(), tokenizer: language!.tokenizer }, tasks, step),
    async save() {
      const { params, prompts } = generation();
      const own = { params, prompts, tokenizer: folders.language, language: { folder: folders.language } };
      await saveStage2(join(out, 'stage2'), { ...saved, ...own });
    },
  };
}

/** Opens the models that a stage begins with: those of `from`, and for stage 2 otherwise the best stage 1 of this run. */
async function openInitial(
  stage: Stage,
  { out, from, fresh }: Pick<StageRun, 'out' | 'from'> & { readonly fresh: boolean },
  resources: Disposables,
): Promise<InitialModels> {
  const open = async (folder: string, kind: 'retrieval' | 'generation') =>
    resources.add(await openTrained(folder, kind), ({ weights }) => weights.close());
  if (stage === 1) return from === undefined ? {} : { stage1: await open(from, 'retrieval') };
  const continued = from !== undefined && !fresh && (await modelKindsIn(from)).includes('generation');
  if (continued) return { stage2: await open(from, 'generation') };
  const own = (await modelKindsIn(out)).includes('retrieval');
  if (!own && from === undefined) throw new Error(`Stage 2 starts from stage 1, and ${out} has none; train it first.`);
  return { stage1: await open(own ? out : (from as string), 'retrieval') };
}

/** The steps of a stage, from the last checkpoint on. */
async function* run(
  stage: Stage,
  { parts, data }: Context,
  { config, dir, from, fresh }: StageRun & { readonly dir: string },
): AsyncGenerator<TrainStep, void, void> {
  const { seed, qformer, labelSmoothing } = config;
  const { checkpointEvery, maxGradNorm, accumulationSteps, ...settings } = stage === 1 ? config.stage1 : config.stage2;
  const identity = await cacheKey(
    { seed, qformer, labelSmoothing, maxGradNorm, accumulationSteps },
    settings,
    config.data,
    {
      from: from !== undefined,
      fresh,
    },
  );
  const { steps, learningRate, minLearningRate, warmupSteps, weightDecay, betas, recompute } = settings;
  const common: Omit<StageOptions<never>, 'data'> = {
    ...{ steps, learningRate, minLearningRate, warmupSteps, weightDecay, betas, recompute },
    trainer: {
      accumulationSteps,
      ...(maxGradNorm === null ? {} : { maxGradNorm }),
      checkpoint: { dir, every: checkpointEvery },
      resume: true,
      environment: { config: identity.slice(0, 16) },
    },
  };
  if (stage === 1) {
    const standardize = config.stage1.standardizeVision && from === undefined;
    yield* trainStage1(parts, {
      ...common,
      data: (at) => data.stage1(at),
      labelSmoothing,
      standardizeVision: standardize && (() => data.sampleFeatures()),
    });
    return;
  }
  const { phraseWeight, heldOutWeight, heldOutMargin, projectionRateScale } = config.stage2;
  yield* trainStage2(parts, {
    ...common,
    data: (at) => data.stage2(at),
    ...{ phraseWeight, heldOutWeight, heldOutMargin, projectionRateScale },
  });
}
