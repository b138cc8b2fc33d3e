import { createHash } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { emojiData } from '@blip2/demo';
import {
  type FrozenModelFolder,
  type GenerationModel,
  loadFolder,
  loadModels,
  type ModelKind,
  modelFolder,
  modelKindsIn,
  type RetrievalModel,
  saveStage1,
  saveStage2,
} from '@blip2/models';
import { type FrozenFolder, openLanguageFolder, openVisionFolder } from '@blip2/models/folder';
import { runEval } from '@blip2/runs';
import type { Json } from '@blip2/tensor';
import { card, type Shipped } from './card.js';
import { firefoxTasks } from './firefox.js';
import { type History, joinHistories, readHistory, writeHistory } from './history.js';
import { type Validation, validateStage1, validateStage2 } from './validate.js';

/** Options of `shipBlip2`. */
export interface ShipOptions {
  /** The folder of a run of `pretrainBlip2`, or of `blip2 train` on emoji. */
  readonly run: string;
  /** The folder of the starter's models. */
  readonly models: string;
  /** Where drawings are kept. */
  readonly work: string;
}

/**
 * Writes the models of a run as those that ship (see `writeModels`), scores what was written, and writes its history and card.
 * @throws for a folder without the logs of a run, and as `writeModels` does
 */
export async function shipBlip2({ run, models, work }: ShipOptions): Promise<Shipped> {
  const folder = join(models, 'blip2');
  const logged = await readHistory(run);
  if (!logged) throw new Error(`${run} holds no logs; give the folder of a run of 'pretrain blip2' or 'blip2 train'.`);
  const kinds = await modelKindsIn(run);
  const trained = (['stage1', 'stage2'] as const).filter((_, i) =>
    kinds.includes(i === 0 ? 'retrieval' : 'generation'),
  );
  const history = joinHistories(await readHistory(folder), logged, trained);
  const sizes = await writeModels({ run, models });
  const bytes = await Promise.all(
    ['stage1', 'stage2'].map(async (stage) => (await stat(join(folder, stage, 'model.safetensors'))).size),
  );
  const shipped = {
    history,
    sizes,
    bytes: bytes.reduce((sum, size) => sum + size, 0),
    firefox: await validated(folder, work),
    scores: await runEval({ model: folder, data: emojiData }),
  };
  const [vision, language] = [await hashOf(join(models, 'vision')), await hashOf(join(models, 'language'))];
  await writeHistory(folder, { ...withoutPaths(history), frozen: { vision, language } });
  await writeFile(join(folder, 'README.md'), card(shipped));
  return shipped;
}

const hashOf = async (folder: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(join(folder, 'model.safetensors')))
    .digest('hex');

/** A history whose configurations name the starter's frozen models, which those of the run are, and not where they lay. */
export function withoutPaths({ runs, ...rest }: History): History {
  const named = (config: Json): Json => ({
    ...config,
    vision: 'starter',
    language: 'starter',
    bert: config.bert === null ? null : 'starter',
  });
  return { ...rest, runs: runs.map((run) => ({ ...run, config: named(run.config as Json) })) };
}

/**
 * Writes the models of a run as `blip2/stage1` and `blip2/stage2` of the folder `models`: what was trained in half precision,
 * and references to the frozen models beside them. A stage that the run did not train stays as it is.
 * @throws where the run's frozen models are not those of `models`, and where a stage would be absent
 */
export async function writeModels({ run, models }: Omit<ShipOptions, 'work'>): Promise<Shipped['sizes']> {
  const folder = join(models, 'blip2');
  const [kinds, before] = [await modelKindsIn(run), await modelKindsIn(folder)];
  for (const [kind, stage] of [
    ['retrieval', 'stage1'],
    ['generation', 'stage2'],
  ] as const) {
    if (!kinds.includes(kind) && !before.includes(kind)) throw new Error(`${run} has no ${stage}; train it first.`);
  }
  const frozen = new Map<ModelKind, Record<'vision' | 'language', FrozenModelFolder>>();
  for (const kind of kinds) {
    const part = (name: 'vision' | 'language') => frozenOf(run, { kind, part: name, folder: join(models, name) });
    const vision = await part('vision');
    frozen.set(kind, { vision, language: kind === 'generation' ? await part('language') : vision });
  }
  let sizes: Shipped['sizes'] | undefined;
  for (const [kind, { vision, language }] of frozen) {
    using model = await loadFolder(run, { kind });
    sizes = { config: model.config, ...(vision.outputStride && { outputStride: vision.outputStride }) };
    const saved = { config: model.config, processor: model.processor, tokenizer: model.folder, vision };
    if (model.kind === 'retrieval') {
      const { params, rerank } = model;
      await saveStage1(join(folder, 'stage1'), { ...saved, params, rerank }, { dtype: 'F16' });
    } else {
      const { params, prompts } = model;
      await saveStage2(join(folder, 'stage2'), { ...saved, params, prompts, language }, { dtype: 'F16' });
    }
  }
  if (!sizes) throw new Error(`${run} holds no trained model; train one first.`);
  return sizes;
}

/**
 * How a run's frozen model is kept: as a reference to that of the starter, with the output stride where only that differs.
 * @throws where they have other weights
 */
async function frozenOf(
  run: string,
  { kind, part, folder }: { kind: ModelKind; part: 'vision' | 'language'; folder: string },
): Promise<FrozenModelFolder> {
  const open = part === 'vision' ? openVisionFolder : openLanguageFolder;
  const [own, starter] = [await open(await modelFolder(run, kind)), await open(folder)];
  try {
    const valuesOf = async ({ source, prefix, owns }: FrozenFolder) => {
      const names = [...source.names.keys()].filter(owns).sort();
      const sum = createHash('sha256');
      for (const name of names) sum.update(name.slice(prefix.length)).update(await source.read(name));
      return sum.digest('hex');
    };
    if ((await valuesOf(own)) !== (await valuesOf(starter))) {
      throw new Error(`The ${part} model of ${run} is not that of ${folder}; put it there first, or train again.`);
    }
    const stride = own.json.output_stride;
    const other = (stride === 16 || stride === 32) && stride !== starter.json.output_stride;
    return { folder, reference: true, ...(other && { outputStride: stride }) };
  } finally {
    for (const { source } of [own, starter]) await source.close();
  }
}

/** The scores of what was written by Firefox OS' drawings. */
async function validated(folder: string, work: string): Promise<Validation[]> {
  const models = await loadModels(folder);
  try {
    const generation = models.find((model): model is GenerationModel => model.kind === 'generation')!;
    const retrieval = models.find((model): model is RetrievalModel => model.kind === 'retrieval')!;
    const tasksOf = ({ vision, processor }: GenerationModel | RetrievalModel) =>
      firefoxTasks({ ...vision, processor }, join(work, 'firefox'));
    return [
      await validateStage1(retrieval, await tasksOf(retrieval), { step: 0, textLength: 32 }),
      await validateStage2(generation, await tasksOf(generation), 0),
    ];
  } finally {
    for (const model of models) model.dispose();
  }
}
