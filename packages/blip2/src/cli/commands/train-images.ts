import { basename, extname, resolve } from 'node:path';
import type { ImageTextDataset } from '@blip2/data';
import type { FineTuneOptions, FineTuning, ImageTextConfig } from '@blip2/image-text';
import type { RunData } from '@blip2/runs';
import { openImages, splits } from '../data-sets.js';
import { UsageError } from '../errors.js';
import type { SharedOptions } from '../options.js';
import { isModule } from '../own-models.js';
import type { Session } from '../session.js';
import { hubOptions } from './model.js';

/** Options of training on images with texts. */
export interface ImageFlags extends SharedOptions {
  readonly config?: string;
  readonly preset?: string;
  readonly model?: string;
  readonly vision?: string;
  readonly language?: string;
  readonly bert?: string;
  readonly split?: (typeof splits)[number];
  readonly validation?: string;
  readonly maxSkipped?: number;
  readonly featureCache?: boolean;
  readonly augment?: ImageTextConfig['data']['augment'];
  readonly views?: number;
  readonly workers?: number;
  readonly steps?: number;
  readonly batchSize?: number;
  readonly learningRate?: number;
  readonly patience?: number;
  /** The rank of adapters; false for none. */
  readonly lora?: number | false;
}

/** The flags that concern images of one's own, with their names in messages. */
export const imageFlags = {
  model: '--model',
  vision: '--vision',
  language: '--language',
  bert: '--bert',
  split: '--split',
  validation: '--validation',
  maxSkipped: '--max-skipped',
  augment: '--augment',
  views: '--views',
  workers: '--workers',
  steps: '--steps',
  batchSize: '--batch-size',
  learningRate: '--learning-rate',
  patience: '--patience',
  lora: '--lora',
} as const satisfies Partial<Record<keyof ImageFlags, string>>;

/** What a run on images with texts is made of. */
export interface ImageRun extends FineTuning {
  readonly data: RunData<ImageTextConfig['data']>;
  /** What the run is called where it has no folder. */
  readonly name: string;
}

/** @throws UsageError for options that exclude each other */
export function checkImageFlags(flags: ImageFlags): void {
  const from = flags.preset !== undefined || flags.config !== undefined;
  if (flags.model !== undefined && flags.preset !== undefined) {
    throw new UsageError('--model is fine-tuned, and --preset trains from frozen models; leave out one or the other.');
  }
  for (const key of ['vision', 'language', 'bert'] as const) {
    if (flags[key] === undefined || from || (key !== 'bert' && isModule(flags[key]))) continue;
    throw new UsageError(`${imageFlags[key]} is for --preset or --config: fine-tuning keeps the parts of the model.`);
  }
  if (flags.views !== undefined && flags.featureCache === false) {
    throw new UsageError('--views are kept in the feature cache; leave them out with --no-feature-cache.');
  }
  const { validation } = flags;
  if (validation?.trim() === '' || (isNumber(validation) && !(Number(validation) >= 0 && Number(validation) < 1))) {
    throw new UsageError(`--validation must be a share from 0 to below 1, a split or a path, not '${validation}'.`);
  }
}

const isNumber = (text: string | undefined): text is string =>
  text !== undefined && text.trim() !== '' && Number.isFinite(Number(text));

/** Opens the data, and makes the configuration of a preset, a file, or for fine-tuning a model. */
export async function imageRun(
  path: string,
  flags: ImageFlags,
  options: { readonly stages: readonly (1 | 2)[] | undefined; readonly session: Session },
): Promise<ImageRun> {
  const { signal } = options.session;
  const { split, validation, orient, workers } = flags;
  const held = validation === undefined || isNumber(validation) ? undefined : await openHeld(path, validation, signal);
  // without --split what is trained on leaves out the test images of a data set that has some
  const dataset = await openImages(path, { split: split ?? 'train', signal });
  const { imageTextData } = await import('@blip2/image-text');
  const data = imageTextData(dataset, { validation: held, orient, workers });
  const images = dataset.length ?? UNKNOWN;
  const captions = options.stages !== undefined || (await hasCaptions(dataset, signal));
  const run = await started(flags, { ...options, images, captions });
  return { ...run, config: await withFlags(run.config, flags), data, name: nameOf(path) };
}

/** The number of images that is assumed where a stream's length is unknown. */
const UNKNOWN = 100_000;

async function hasCaptions(dataset: ImageTextDataset, signal: AbortSignal): Promise<boolean> {
  for await (const { captions } of dataset.items({ signal })) if (captions.length > 0) return true;
  return false;
}

const openHeld = (path: string, validation: string, signal: AbortSignal) => {
  const split = splits.find((one) => one === validation);
  return split ? openImages(path, { split, signal }) : openImages(validation, { signal });
};

async function started(
  { preset, config: file, model }: ImageFlags,
  {
    stages,
    images,
    captions,
    session,
  }: Pick<FineTuneOptions, 'images' | 'captions'> & {
    readonly stages: readonly (1 | 2)[] | undefined;
    readonly session: Session;
  },
): Promise<FineTuning> {
  const { fineTuning, imageTextConfigs } = await import('@blip2/image-text');
  if (preset !== undefined) return { config: imageTextConfigs.preset(preset), stages: stages ?? [1, 2], initial: {} };
  if (file !== undefined && model === undefined) {
    return { config: await imageTextConfigs.read(file), stages: stages ?? [1, 2], initial: {} };
  }
  const { resolveModel } = await import('@blip2/hub');
  const folder = model === undefined ? undefined : await resolveModel(model, hubOptions(session));
  const tuned = await fineTuning(folder, { images, stages, captions });
  return file === undefined ? tuned : { ...tuned, config: await imageTextConfigs.read(file, tuned.config) };
}

/** The configuration with what the options of the command change. */
async function withFlags(config: ImageTextConfig, flags: ImageFlags): Promise<ImageTextConfig> {
  const { fineTuningAdapters: adapters } = await import('@blip2/training');
  const { seed, vision, language, bert, validation, maxSkipped, featureCache, augment, views, lora } = flags;
  const share = isNumber(validation) ? Number(validation) : undefined;
  const given = <K extends string, V>(key: K, value: V | undefined) => (value === undefined ? {} : { [key]: value });
  return {
    ...config,
    ...given('seed', seed),
    ...given('vision', folderOf(vision)),
    ...given('language', folderOf(language)),
    ...given('bert', folderOf(bert)),
    data: {
      ...config.data,
      ...given('validation', share),
      ...given('maxSkipped', maxSkipped),
      ...(featureCache === false && { featureCache }),
      ...given('augment', augment),
      ...given('views', views),
    },
    stage1: scheduled(config.stage1, flags),
    stage2: { ...scheduled(config.stage2, flags), ...given('lora', lora === false ? null : lora && adapters(lora)) },
  };
}

/** The folder of a frozen model, wherever the run is resumed from; `starter` is a name, and a module is none. */
const folderOf = (path: string | undefined): string | undefined =>
  isModule(path) ? undefined : path === undefined || path === 'starter' ? path : resolve(path);

function scheduled<S extends ImageTextConfig['stage1'] | ImageTextConfig['stage2']>(schedule: S, flags: ImageFlags): S {
  const {
    steps = schedule.steps,
    batchSize = schedule.batchSize,
    learningRate = schedule.learningRate,
    patience = schedule.patience,
  } = flags;
  const warmupSteps = Math.min(schedule.warmupSteps, Math.floor(steps / 2));
  return { ...schedule, steps, batchSize, learningRate, patience, warmupSteps };
}

const nameOf = (path: string): string => basename(path, extname(path)).replace(/[^\w-]+/g, '-') || 'images';
