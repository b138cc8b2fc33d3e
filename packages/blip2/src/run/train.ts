import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheKey, captionProcessor, loadTokenizer } from '@blip2/data';
import { loadEmoji } from '@blip2/emoji';
import { hash, rng } from '@blip2/tensor';
import { latestCheckpoint, openMetrics, sampler, type TrainStep } from '@blip2/trainer';
import type { Config, StageConfig } from '../config.js';
import { lessonBatch } from '../data/lessons.js';
import { mixture, pairBatch } from '../data/pairs.js';
import { saveStage1, saveStage2 } from '../model/save.js';
import { beginStage2, compose, languageOf, type Parts, stage1Params, stage2Params } from '../parts/compose.js';
import { loadBert, loadLanguageModel, loadVision } from '../parts/load.js';
import { type StageOptions, trainStage1, trainStage2 } from '../parts/train.js';
import { environment } from './environment.js';
import { type FrozenFolders, fingerprint, frozenFolders } from './frozen.js';
import { scenePrompts } from './prompts.js';
import type { Reporter } from './reporter.js';
import { type SeenEmoji, type SeenScenes, seeEmoji, seeScenes } from './seen.js';

export interface TrainRunOptions {
  /** Where checkpoints, metrics and the trained models go. */
  readonly out: string;
  readonly stages?: readonly (1 | 2)[];
  readonly resume?: boolean;
  /** Stop each stage after so many steps, as a kill would: the schedule stays that of the whole. */
  readonly maxSteps?: number;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

export interface StageSummary {
  readonly steps: number;
  readonly seconds: number;
  /** Of the last step. */
  readonly losses: Record<string, number>;
}

export interface TrainSummary {
  readonly stage1?: StageSummary;
  readonly stage2?: StageSummary;
  /** Every logged step, for the report. */
  readonly steps: readonly { readonly stage: 1 | 2; readonly step: TrainStep }[];
}

/** Trains one stage or both on emoji and scenes; writes `OUT/stage1` and `OUT/stage2`, checkpoints and `metrics.jsonl`. */
export async function runTrain(config: Config, options: TrainRunOptions): Promise<TrainSummary> {
  const { out, stages = [1, 2], reporter, signal } = options;
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  const folders = frozenFolders(config);
  const world = await openWorld(config, folders, { reporter, signal, stage2: stages.includes(2) });
  const steps: { stage: 1 | 2; step: TrainStep }[] = [];
  const log = (stage: 1 | 2, step: TrainStep): void => {
    steps.push({ stage, step });
    reporter.step(stage, step);
  };
  try {
    const stage1 = stages.includes(1) ? await stageOne(world, options, log) : await stageOneAgain(world, options);
    const stage2 = stages.includes(2) ? await stageTwo(world, options, log) : undefined;
    return { ...(stage1 ? { stage1 } : {}), ...(stage2 ? { stage2 } : {}), steps };
  } finally {
    await world.close();
  }
}

interface World {
  readonly config: Config;
  readonly folders: FrozenFolders;
  readonly parts: Parts;
  readonly emoji: SeenEmoji;
  readonly scenes: SeenScenes;
  close(): Promise<void>;
}

async function openWorld(
  config: Config,
  folders: FrozenFolders,
  { reporter, signal, stage2 }: { reporter: Reporter; signal: AbortSignal | undefined; stage2: boolean },
): Promise<World> {
  const vision = await loadVision(folders.vision);
  const language = stage2 ? await loadLanguageModel(folders.language) : undefined;
  const text = folders.bert === null ? { tokenizer: await loadTokenizer(folders.text) } : await loadBert(folders.bert);
  const { dropout, embedDim: projectionSize, ...sizes } = config.qformer;
  const parts = await compose({
    vision,
    text,
    ...(language ? { language } : {}),
    qformer: { ...sizes, projectionSize, dropout, attentionDropout: dropout },
    seed: config.seed,
  });
  const seen = { vision, fingerprint: await fingerprint(folders.vision), reporter, signal };
  const emoji = await seeEmoji('train', loadEmoji().slice(0, config.data.emoji ?? undefined), seen);
  const scenes = await seeScenes('train', { count: Math.max(config.data.scenes, 1), seed: config.seed }, seen);
  const close = async (): Promise<void> => {
    await emoji.close();
    await scenes.close();
    parts.dispose();
    vision.dispose?.();
    language?.dispose?.();
  };
  return { config, folders, parts, emoji, scenes, close };
}

type Log = (stage: 1 | 2, step: TrainStep) => void;

async function stageOne({ config, folders, parts, emoji, scenes }: World, options: TrainRunOptions, log: Log) {
  const { batch } = config.stage1;
  const { textLength, sceneShare } = config.data;
  const texts = { tokenizer: parts.text.tokenizer, textLength };
  const numbers = numbering();
  const named = {
    features: emoji.features,
    text: (index: number) => captionProcessor(emoji.about(index).label),
    same: (index: number) => numbers(emoji.about(index).label),
  };
  const told = {
    features: scenes.features,
    text: (index: number) => scenes.about(index).caption,
    same: (index: number) => numbers(scenes.about(index).caption),
  };
  const next = mixture(
    { count: emoji.features.length, batch: (places) => pairBatch(named, places, texts) },
    { count: scenes.features.length, batch: (places) => pairBatch(told, places, texts) },
    { batch, seed: config.seed, share: config.data.scenes === 0 ? 0 : sceneShare },
  );
  const stage = await stageOptions(1, config, options, ({ position }) => next(position));
  const summary = await follow(
    1,
    trainStage1(parts, { ...stage, smoothing: config.smoothing }),
    { ...options, config },
    log,
  );
  if (!options.signal?.aborted) {
    await saveStage1(join(options.out, 'stage1'), {
      config: parts.config,
      params: stage1Params(parts),
      vision: { folder: folders.vision },
      processor: parts.vision.processor,
      tokenizer: folders.text,
    });
  }
  return summary;
}

/** Stage 2 alone goes on from a stage 1 that is finished: its last checkpoint. */
async function stageOneAgain(world: World, options: TrainRunOptions): Promise<undefined> {
  const { steps } = world.config.stage1;
  const found = await latestCheckpoint(join(options.out, 'checkpoints', 'stage1'));
  if (found?.step !== steps) {
    throw new Error(
      `Stage 2 goes on from stage 1, of which ${options.out} has ${found?.step ?? 0} of ${steps} steps; train it first.`,
    );
  }
  await stageOne(world, { ...options, resume: true }, () => {});
}

async function stageTwo({ config, folders, parts, emoji, scenes }: World, options: TrainRunOptions, log: Log) {
  beginStage2(parts);
  const { tokenizer } = languageOf(parts);
  const { batch } = config.stage2;
  const perPicture = LESSONS;
  const told = {
    features: scenes.features,
    lessons: (index: number) => {
      const { references, qa } = scenes.about(index);
      return [
        ...references.slice(0, 1).map((target) => ({ prompt: scenePrompts.caption, target })),
        ...qa.map(({ question, answer }) => ({
          prompt: scenePrompts.question.replace('{}', question),
          target: answer,
        })),
      ];
    },
  };
  const named = {
    features: emoji.features,
    lessons: (index: number) => [{ prompt: scenePrompts.caption, target: captionProcessor(emoji.about(index).label) }],
  };
  const next = mixture(
    {
      count: scenes.features.length,
      batch: (places) => (random: () => number) => lessonBatch(told, places, { tokenizer, perPicture, random }),
    },
    {
      count: emoji.features.length,
      batch: (places) => (random: () => number) => lessonBatch(named, places, { tokenizer, perPicture: 1, random }),
    },
    { batch, seed: config.seed, share: EMOJI_SHARE },
  );
  const stage = await stageOptions(2, config, options, ({ position, seed }) =>
    next(position)(rng(hash(seed, 'lessons'))),
  );
  const summary = await follow(2, trainStage2(parts, stage), { ...options, config }, log);
  if (!options.signal?.aborted) {
    await saveStage2(join(options.out, 'stage2'), {
      config: parts.config,
      params: stage2Params(parts),
      vision: { folder: folders.vision },
      processor: parts.vision.processor,
      tokenizer: folders.language,
      language: { folder: folders.language },
      prompts: scenePrompts,
    });
  }
  return summary;
}

/** Lessons of one scene in a batch: its soft prompt is computed once for all of them. */
const LESSONS = 3;
/** Of the batches of stage 2 that name single emoji. */
const EMOJI_SHARE = 0.1;

async function stageOptions<B>(
  number: 1 | 2,
  config: Config,
  { out, resume = false, maxSteps, signal }: TrainRunOptions,
  data: StageOptions<B>['data'],
): Promise<StageOptions<B>> {
  const stage: StageConfig = number === 1 ? config.stage1 : config.stage2;
  const { steps, peak, floor, warmup, weightDecay, betas, clip, accumulate, checkpointEvery } = stage;
  return {
    data,
    steps,
    peak,
    floor,
    warmup,
    weightDecay,
    betas,
    ...(maxSteps === undefined ? {} : { until: maxSteps }),
    trainer: {
      accumulate,
      ...(clip === null ? {} : { clip }),
      ...(signal ? { signal } : {}),
      checkpoint: { dir: join(out, 'checkpoints', `stage${number}`), every: checkpointEvery },
      resume,
      environment: { ...environment(), config: (await cacheKey(config, number)).slice(0, 16) },
    },
  };
}

/** Runs a stage to its end. `metrics.jsonl` counts the steps of both stages through. */
async function follow(
  stage: 1 | 2,
  run: AsyncGenerator<TrainStep, void, void>,
  { config, out, resume = false, reporter }: TrainRunOptions & { config: Config },
  log: Log,
): Promise<StageSummary> {
  const from = resume ? ((await latestCheckpoint(join(out, 'checkpoints', `stage${stage}`)))?.step ?? 0) : 0;
  const before = stage === 1 ? 0 : config.stage1.steps;
  const metrics = await openMetrics(join(out, 'metrics.jsonl'), { through: before + from });
  const started = performance.now();
  let last: TrainStep | undefined;
  for await (const step of run) {
    last = step;
    await metrics.append({ ...step, step: before + step.step, stage });
    log(stage, step);
    reporter.progress(`training stage ${stage}`, step.step, (stage === 1 ? config.stage1 : config.stage2).steps);
  }
  const seconds = (performance.now() - started) / 1000;
  return { steps: last?.step ?? from, seconds, losses: last?.losses ?? {} };
}

/** A number for each text: equal for equal texts. */
function numbering(): (text: string) => number {
  const numbers = new Map<string, number>();
  return (text) => {
    const known = numbers.get(text) ?? numbers.size;
    numbers.set(text, known);
    return known;
  };
}
