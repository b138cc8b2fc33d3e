import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheKey } from '@blip2/data';
import { scenePrompts } from '@blip2/emoji';
import { latestCheckpoint, openMetrics, type TrainStep } from '@blip2/trainer';
import type { Config } from '../config.js';
import { isFile } from '../model/files.js';
import { saveStage1, saveStage2 } from '../model/save.js';
import { beginStage2, stage1Params, stage2Params } from '../parts/compose.js';
import { type StageOptions, trainStage1, trainStage2 } from '../parts/train.js';
import { environment } from './environment.js';
import { fingerprint } from './frozen.js';
import { METRICS } from './metrics.js';
import { stage1Batches, stage2Batches } from './mixtures.js';
import type { Reporter } from './reporter.js';
import { type OwnVision, withVision } from './vision.js';
import { openWorld, type World } from './world.js';

export interface TrainRunOptions {
  /** Where checkpoints, metrics and the trained models go. */
  readonly out: string;
  /** Looks in place of the encoder that the configuration names; borrowed. It is given again when the models are loaded. */
  readonly vision?: OwnVision | undefined;
  readonly stages?: readonly (1 | 2)[];
  readonly resume?: boolean;
  /** Stop each stage after so many steps, as a kill would: the schedule stays that of the whole, and nothing follows. */
  readonly maxSteps?: number;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** Trains one stage or both on emoji and scenes; writes `OUT/stage1` and `OUT/stage2`, checkpoints and `metrics.jsonl`. */
export async function runTrain(given: Config, options: TrainRunOptions): Promise<void> {
  const { out, vision, stages = [1, 2], resume = false, reporter, signal } = options;
  const config = withVision(given, vision);
  for (const stage of resume ? [] : stages) {
    if (await latestCheckpoint(checkpoints(out, stage))) {
      throw new Error(`${out} holds a run already; go on with --resume or choose another --out.`);
    }
  }
  if (!stages.includes(1)) await expectStage1(config, out);
  const world = await openWorld(config, { vision, reporter, signal, speaks: stages.includes(2) });
  try {
    // stage 2 alone reads the last checkpoint of stage 1, which has no steps left to train
    const whole = await stageOne(world, stages.includes(1) ? options : { ...options, resume: true });
    if (whole && stages.includes(2)) await stageTwo(world, options);
  } finally {
    await world.close();
  }
}

const checkpoints = (out: string, stage: 1 | 2): string => join(out, 'checkpoints', `stage${stage}`);

async function expectStage1({ stage1 }: Config, out: string): Promise<void> {
  const found = await latestCheckpoint(checkpoints(out, 1));
  if (found?.step === stage1.steps) return;
  const has = `${out} has ${found?.step ?? 0} of ${stage1.steps} steps`;
  throw new Error(`Stage 2 goes on from stage 1, of which ${has}; train it first.`);
}

/** @returns whether the stage is trained to its end */
async function stageOne(world: World, options: TrainRunOptions): Promise<boolean> {
  const { config, folders, parts, encoder } = world;
  const stage = await stageOptions(1, world, { ...options, data: stage1Batches(world) });
  const run = trainStage1(parts, { ...stage, smoothing: config.smoothing });
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

async function stageTwo(world: World, options: TrainRunOptions): Promise<void> {
  const { config, folders, parts, encoder } = world;
  beginStage2(parts);
  const stage = await stageOptions(2, world, { ...options, data: stage2Batches(world) });
  const whole = await follow(2, trainStage2(parts, stage), { ...options, config });
  const folder = join(options.out, 'stage2');
  if (whole.end && (whole.trained || !(await isFile(join(folder, 'config.json'))))) {
    await saveStage2(folder, {
      config: parts.config,
      params: stage2Params(parts),
      vision: encoder.frozen,
      processor: encoder.vision.processor,
      tokenizer: folders.language,
      language: { folder: folders.language },
      prompts: scenePrompts,
    });
  }
}

async function stageOptions<B>(
  stage: 1 | 2,
  { config, folders, encoder }: World,
  { out, resume = false, maxSteps, signal, data }: TrainRunOptions & { data: StageOptions<B>['data'] },
): Promise<StageOptions<B>> {
  const { checkpointEvery, recompute, batch, clip, accumulate, ...schedule } =
    stage === 1 ? config.stage1 : config.stage2;
  const { testScenes, ...shown } = config.data;
  const { seed, qformer, smoothing } = config;
  const short = async (...parts: unknown[]): Promise<string> => (await cacheKey(...parts)).slice(0, 16);
  return {
    ...schedule,
    recompute,
    data,
    ...(maxSteps === undefined ? {} : { until: maxSteps }),
    trainer: {
      accumulate,
      ...(clip === null ? {} : { clip }),
      ...(signal ? { signal } : {}),
      checkpoint: { dir: checkpoints(out, stage), every: checkpointEvery },
      resume,
      environment: {
        ...environment(),
        config: await short(seed, qformer, smoothing, shown, schedule, batch, clip, accumulate),
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
  { config, out, reporter, signal, maxSteps }: TrainRunOptions & { config: Config },
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

async function begin(out: string, config: Config, through: number) {
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  return openMetrics(join(out, METRICS), { through });
}
