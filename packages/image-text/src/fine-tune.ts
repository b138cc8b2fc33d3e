import { type ModelConfig, type ModelKind, modelFolder, modelKindsIn, readModelConfig } from '@blip2/models';
import { isExternal, openLanguageFolder, openModel, openVisionFolder, readPrompts } from '@blip2/models/folder';
import type { InitialFolders } from '@blip2/runs';
import { starterUrl } from '@blip2/starter';
import { toPath } from '@blip2/tensor/files';
import { fineTuningAdapters, fineTuningSchedule } from '@blip2/training';
import { type ImageTextConfig, imageTextConfigs } from './config.js';

/** What `fineTuning` gives: the arguments of `runTrain`. */
export interface FineTuning {
  readonly config: ImageTextConfig;
  /** The stages that the model has been trained by: 1 of a retrieval model, 2 of a generation model. */
  readonly stages: readonly (1 | 2)[];
  /** The model's folders. */
  readonly initial: InitialFolders;
}

/** Options of `fineTuning`. */
export interface FineTuneOptions {
  /** The number of images to train on, by which steps and batch size are chosen. */
  readonly images: number;
  /** The stages to train. Default: those that the model has, and that can learn from the texts. */
  readonly stages?: readonly (1 | 2)[] | undefined;
  /** Whether images have captions, without which stage 1 has nothing to learn. Default true. */
  readonly captions?: boolean | undefined;
}

const stageOf: Readonly<Record<ModelKind, 1 | 2>> = { retrieval: 1, generation: 2 };

/**
 * Makes the configuration that fine-tunes a model on images with texts, with its encoder and language model frozen: a
 * generation model by captions and answers, a retrieval model by the losses of stage 1, and both of a training run's folder. A
 * small language model, such as that of the starter, has low-rank adapters, which are trained too: it knows few words.
 * @param given a model's folder or that of a training run; undefined: the starter model
 * @throws for a folder without a model, and for stages that it does not have
 */
export async function fineTuning(
  given: string | URL | undefined,
  { images, stages: wanted, captions = true }: FineTuneOptions,
): Promise<FineTuning> {
  const model = toPath(given ?? starterUrl('blip2'));
  const kinds = await modelKindsIn(model);
  const found = kinds.length > 0 ? kinds : [(await configOf(model)).kind];
  const folders = await Promise.all(
    found.map(async (kind) => [stageOf[kind], await modelFolder(model, kinds.length > 0 ? kind : undefined)] as const),
  );
  const answers = !captions && folders.some(([stage]) => stage === 2);
  const chosen = folders
    .filter(([stage]) => (wanted === undefined ? stage === 2 || !answers : wanted.includes(stage)))
    .sort(([a], [b]) => a - b);
  const missing = wanted?.find((stage) => !folders.some(([has]) => has === stage));
  if (chosen.length === 0 && missing) {
    throw new Error(
      `'${model}' has no model of stage ${missing} to fine-tune; leave out --stage, or give another model.`,
    );
  }
  const initial = Object.fromEntries(chosen.map(([stage, folder]) => [`stage${stage}`, folder])) as InitialFolders;
  const first = chosen[0]?.[1] as string;
  const { qformer } = await configOf(first);
  const { queries, layers, hiddenSize, heads, intermediateSize, crossAttentionFrequency, projectionSize, dropout } =
    qformer;
  const schedule = scheduleOf(images, hiddenSize);
  const generation = initial.stage2 as string | undefined;
  const config = imageTextConfigs.parse({
    ...(await frozenOf(first, generation)),
    bert: null,
    qformer: { queries, layers, hiddenSize, heads, intermediateSize, crossAttentionFrequency, projectionSize, dropout },
    data: {
      ...(generation && { prompts: await promptsOf(generation) }),
      textLength: Math.min(TEXT_LENGTH, qformer.maxPositions),
    },
    stage1: schedule,
    stage2: { ...schedule, ...(generation !== undefined && (await adaptersOf(generation, schedule.learningRate))) },
  });
  return { config, stages: chosen.map(([stage]) => stage), initial };
}

const TEXT_LENGTH = 32;

/** A language model that is narrower knows few words but those of its own training, and learns others by adapters. */
const NARROW = 512;

/** The adapters of a narrow language model, and the rate that was measured to be best with them (decision 47). */
async function adaptersOf(generation: string, learningRate: number) {
  const { language } = await configOf(generation);
  if (!language || isExternal(language) || language.hiddenSize >= NARROW) return {};
  return { lora: fineTuningAdapters(8), learningRate: 2 * learningRate };
}

async function configOf(folder: string): Promise<ModelConfig> {
  const { json, generation, source } = await openModel(folder);
  await source.close();
  return readModelConfig(json, folder, generation);
}

async function promptsOf(folder: string) {
  const { language } = await configOf(folder);
  return readPrompts(
    folder,
    language && !isExternal(language) && 'decoderLayers' in language ? 'encoder-decoder' : 'decoder',
  );
}

/** The folders of a model's frozen parts: those that it refers to, or its own; the names of those that a run is given. */
async function frozenOf(folder: string, generation: string | undefined) {
  return { ...(await visionOf(folder)), ...(generation !== undefined && { language: await languageOf(generation) }) };
}

async function visionOf(folder: string): Promise<{ vision: string; outputStride?: unknown }> {
  const { vision } = await configOf(folder);
  if (isExternal(vision)) return { vision: vision.external };
  const opened = await openVisionFolder(folder);
  await opened.source.close();
  const outputStride = opened.changes?.output_stride;
  return { vision: opened.folder, ...(outputStride !== undefined && { outputStride }) };
}

async function languageOf(folder: string): Promise<string> {
  const { language } = await configOf(folder);
  if (language && isExternal(language)) return language.external;
  const opened = await openLanguageFolder(folder);
  await opened.source.close();
  return opened.folder;
}

/** The schedule for a number of images, with a checkpoint every tenth of it. */
function scheduleOf(images: number, hiddenSize: number) {
  const schedule = fineTuningSchedule(images, hiddenSize);
  return { ...schedule, checkpointEvery: Math.max(20, Math.round(schedule.steps / 10)) };
}
