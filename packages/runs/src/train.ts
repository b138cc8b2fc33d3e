import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheKey } from '@blip2/data';
import { saveStage1, saveStage2 } from '@blip2/models';
import { isFile } from '@blip2/tensor/files';
import { latestCheckpoint, openMetrics, type TrainStep } from '@blip2/trainer';
import {
  initializeStage2,
  type StageOptions,
  stage1Params,
  stage2Params,
  trainStage1,
  trainStage2,
} from '@blip2/training';
import type { DataConfig, RunConfig } from './config/schema.js';
import { openTrainingContext, type TrainingContext } from './context.js';
import { environment } from './environment.js';
import { fingerprint } from './frozen.js';
import { METRICS } from './metrics.js';
import type { Reporter } from './reporter.js';
import type { RunData } from './run-data.js';
import { type CustomVision, withVision } from './vision.js';

export interface TrainRunOptions<D extends DataConfig = DataConfig> {
  /** What is trained on. */
  readonly data: RunData<D>;
  /** Where checkpoints, metrics and the trained models go. */
  readonly out: string;
  /** In place of the encoder that the configuration names; borrowed. It is given again when the models are loaded. */
  readonly vision?: CustomVision | undefined;
  readonly stages?: readonly (1 | 2)[];
  readonly resume?: boolean;
  /** Stop each stage after so many steps, as a kill would: the schedule stays that of the whole, and nothing follows. */
  readonly maxSteps?: number;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** A run whose data set is open: its options without the data. */
type StageRun = Omit<TrainRunOptions, 'data'> & { readonly identity: unknown };

/**
 * Trains one stage or both on a data set; writes the models `OUT/stage1` and `OUT/stage2`, checkpoints, `config.json` and
 * `metrics.jsonl`.
 * @throws where `out` holds a run already and `resume` is not set, and where stage 2 has no stage 1 to start from
 */
export async function runTrain<D extends DataConfig>(given: RunConfig<D>, options: TrainRunOptions<D>): Promise<void> {
  const { data, out, vision, stages = [1, 2], resume = false, reporter, signal } = options;
  const config = withVision(given, vision);
  for (const stage of resume ? [] : stages) {
    if (await latestCheckpoint(checkpoints(out, stage))) {
      throw new Error(`${out} holds a run already; go on with --resume or choose another --out.`);
    }
  }
  if (!stages.includes(1)) await expectStage1(config, out);
  const context = await openTrainingContext(config, {
    data,
    vision,
    reporter,
    signal,
    needsLanguage: stages.includes(2),
  });
  const run = { ...options, identity: data.identity(config.data) };
  try {
    // stage 2 alone reads the last checkpoint of stage 1, which has no steps left to train
    const whole = await stageOne(context, stages.includes(1) ? run : { ...run, resume: true });
    if (whole && stages.includes(2)) await stageTwo(context, run);
  } finally {
    await context.close();
  }
}

const checkpoints = (out: string, stage: 1 | 2): string => join(out, 'checkpoints', `stage${stage}`);

async function expectStage1({ stage1 }: Pick<RunConfig, 'stage1'>, out: string): Promise<void> {
  const found = await latestCheckpoint(checkpoints(out, 1));
  if (found?.step === stage1.steps) return;
  const has = `${out} has ${found?.step ?? 0} of ${stage1.steps} steps`;
  throw new Error(`Stage 2 goes on from stage 1, of which ${has}; train it first.`);
}

/** @returns whether the stage is trained to its end */
async function stageOne(context: TrainingContext, options: StageRun): Promise<boolean> {
  const { config, folders, parts, encoder, data } = context;
  const stage = await stageOptions(1, context, { ...options, batches: (at) => data.stage1(at) });
  const run = trainStage1(parts, {
    ...stage,
    labelSmoothing: config.labelSmoothing,
    standardizeVision: config.stage1.standardizeVision && (() => data.sampleFeatures()),
  });
  const whole = await follow(1, run, { ...options, config });
  const folder = join(options.out, 'stage1');
  if (whole.end && (whole.trained || !(await isFile(join(folder, 'config.json'))))) {
    await saveStage1(folder, {
      config: parts.config,
      params: stage1Params(parts),
      vision: encoder.frozen,
      processor: encoder.vision.processor,
      tokenizer: folders.text,
    });
  }
  return whole.end;
}

async function stageTwo(context: TrainingContext, options: StageRun): Promise<void> {
  const { config, folders, parts, encoder, data } = context;
  initializeStage2(parts);
  const stage = await stageOptions(2, context, { ...options, batches: (at) => data.stage2(at) });
  const { phraseWeight, projectionRateScale } = config.stage2;
  const whole = await follow(2, trainStage2(parts, { ...stage, phraseWeight, projectionRateScale }), {
    ...options,
    config,
  });
  const folder = join(options.out, 'stage2');
  if (whole.end && (whole.trained || !(await isFile(join(folder, 'config.json'))))) {
    await saveStage2(folder, {
      config: parts.config,
      params: stage2Params(parts),
      vision: encoder.frozen,
      processor: encoder.vision.processor,
      tokenizer: folders.language,
      language: { folder: folders.language },
      prompts: data.prompts,
    });
  }
}

async function stageOptions<B>(
  stage: 1 | 2,
  { config, folders, encoder }: TrainingContext,
  { out, resume = false, maxSteps, signal, identity, batches }: StageRun & { batches: StageOptions<B>['data'] },
): Promise<StageOptions<B>> {
  const { checkpointEvery, batchSize, maxGradNorm, accumulationSteps, recompute, ...settings } =
    stage === 1 ? config.stage1 : config.stage2;
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
    recompute,
    ...(maxSteps === undefined ? {} : { until: maxSteps }),
    trainer: {
      accumulationSteps,
      ...(maxGradNorm === null ? {} : { maxGradNorm }),
      ...(signal ? { signal } : {}),
      checkpoint: { dir: checkpoints(out, stage), every: checkpointEvery },
      resume,
      environment: {
        ...environment(),
        config: await short(
          { seed, qformer, labelSmoothing, batchSize, maxGradNorm, accumulationSteps },
          identity,
          settings,
        ),
        vision: await short(encoder.fingerprint),
        ...(stage === 2
          ? {
              language: await short(await fingerprint(folders.language)),
              stage1: await short(await fingerprint(join(out, 'stage1'))),
            }
          : { text: await short(await fingerprint(folders.text)) }),
      },
    },
  };
}

/** Runs a stage as far as it goes. Nothing is written before its first step: a run that is refused changes nothing. */
async function follow(
  stage: 1 | 2,
  run: AsyncGenerator<TrainStep, void, void>,
  { config, out, reporter, signal, maxSteps }: StageRun & { config: RunConfig },
): Promise<{ trained: boolean; end: boolean }> {
  const before = stage === 1 ? 0 : config.stage1.steps;
  const { steps } = stage === 1 ? config.stage1 : config.stage2;
  let metrics: Awaited<ReturnType<typeof openMetrics>> | undefined;
  for await (const step of run) {
    metrics ??= await begin(out, config, before + step.step - 1);
    await metrics.append({ ...step, step: before + step.step, stage });
    reporter.step(stage, step);
    reporter.progress(`training stage ${stage}`, step.step, steps);
  }
  signal?.throwIfAborted();
  return { trained: metrics !== undefined, end: maxSteps === undefined || maxSteps >= steps };
}

async function begin(out: string, config: RunConfig, through: number) {
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  return openMetrics(join(out, METRICS), { through });
}
