import { join } from 'node:path';
import { loadTokenizer, readProcessor } from '@blip2/data';
import { type LanguageModel, languageKind } from '@blip2/llm';
import { dispose, type WeightSource } from '@blip2/tensor';
import { isFile, readConfigJson, readGenerationJson } from '@blip2/tensor/files';
import { openSafetensors, type SafetensorsSource } from '@blip2/tensor/safetensors';
import type { Stage1Params, Stage2Params } from '@blip2/training';
import { readPrompts } from '../generate/prompts.js';
import { isExternal, type ModelConfig, type ModelKind, readModelConfig } from './config.js';
import { type ExternalModels, type LoadPlan, loadPlan, mismatchesOf } from './load-plan.js';
import type { LoadedModel } from './loaded-model.js';
import { type MemoryBudget, type Placement, placeModel } from './memory-budget.js';
import { bytesIn, expectMatch, keptOutside, type LoadProgress, valuesIn } from './sources.js';

export interface LoadOptions extends ExternalModels {
  /** Which of its two models a training run's folder is opened for. Default: the later stage's. */
  readonly need?: ModelKind | undefined;
  /** How much memory there is. Default: what the running backend and the system say. */
  readonly memory?: MemoryBudget | undefined;
  /** Values read so far and in all. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Stops loading between two tensors: the call then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads a BLIP-2 folder as Hugging Face has them: `Blip2ForImageTextRetrieval` (with or without what stage 1 adds) or
 * `Blip2ForConditionalGeneration` with OPT or T5, `InstructBlipForConditionalGeneration` with T5; or the folder of a training run, which holds `stage1` and `stage2`.
 * Tensors are read one by one.
 * @throws BindError naming every missing, unused and mis-shaped tensor of all parts at once, before anything is
 * allocated; one sentence for a folder, config, tokenizer or processor that is missing or wrong, and for a model that
 * does not fit into memory.
 */
export async function loadFolder(folder: string, options: LoadOptions = {}): Promise<LoadedModel> {
  const path = await folderFor(folder, options.need);
  const model = readModelConfig(await readConfigJson(path), path, await readGenerationJson(path));
  const [tokenizer, processor, prompts] = [
    await loadTokenizer(path),
    await readProcessor(path),
    await readPrompts(path, kindOf(model, options)),
  ];
  const instruction = model.instructed && (await loadTokenizer(join(path, 'qformer_tokenizer')));
  const source = await openSafetensors(path);
  try {
    const plan = loadPlan(source, model, options);
    expectMatch(source.origin, mismatchesOf(plan));
    const stored = { vision: bytesIn(plan.vision?.source), language: bytesIn(plan.language?.source) };
    const placement = placeModel(path, plan.memory, { budget: options.memory, stored });
    const { vision, params, language, free } = await loadParts(plan, source, { ...options, ...placement });
    const common = { folder: path, config: plan.config, vision, processor, tokenizer, dispose: free };
    if (model.kind === 'retrieval') {
      const parts = plan.parts === 'pretraining' ? 'pretraining' : 'retrieval';
      return { ...common, kind: 'retrieval', parts, params: params as Stage1Params, [Symbol.dispose]: free };
    }
    const { imageToken } = model;
    return {
      ...common,
      kind: 'generation',
      params: params as Stage2Params,
      language: language!,
      prompts,
      ...(instruction && { instruction }),
      ...(imageToken !== undefined && { imageToken }),
      [Symbol.dispose]: free,
    };
  } finally {
    await source.close();
  }
}

/** The folder of a training run in which each kind of model lies; its own `config.json` is none of a model. */
const stages: Readonly<Record<ModelKind, string>> = { generation: 'stage2', retrieval: 'stage1' };

/** The kinds of model that a training run's folder holds, the later stage's first; none for any other folder. */
export async function stagesIn(folder: string): Promise<ModelKind[]> {
  const found: ModelKind[] = [];
  for (const kind of ['generation', 'retrieval'] as const) {
    if (await isFile(join(folder, stages[kind], 'config.json'))) found.push(kind);
  }
  return found;
}

/** The model's own folder, or the one of a training run that is needed. */
export async function folderFor(folder: string, need?: ModelKind): Promise<string> {
  const found = await stagesIn(folder);
  if (found.length === 0) return folder;
  const kind = need ?? found[0]!;
  if (found.includes(kind)) return join(folder, stages[kind]);
  throw new Error(
    `'${folder}' holds ${stages[found[0]!]} but no ${stages[kind]}, which is needed for this; train that stage first.`,
  );
}

/** The kind of the language model, given or stored. */
function kindOf({ language: stored }: ModelConfig, { language: given }: LoadOptions): LanguageModel['kind'] {
  return given?.kind ?? (stored && !isExternal(stored) ? languageKind(stored) : 'decoder');
}

type Loaded = Pick<LoadedModel, 'vision' | 'params'> & Pick<ExternalModels, 'language'> & { free: () => void };

/** Loads every part; when one fails, the others are freed. */
async function loadParts(plan: LoadPlan, source: SafetensorsSource, options: LoadOptions & Placement): Promise<Loaded> {
  const made: (() => void)[] = [];
  const free = (): void => {
    for (const undo of made.splice(0)) undo();
  };
  const watched = watch(source, options);
  const { inside } = options;
  try {
    const vision = plan.vision ? await plan.vision.load(watched(plan.vision.source, inside?.vision)) : options.vision!;
    if (plan.vision) made.push(() => vision.dispose?.());
    const params = await plan.trained.load(watched(plan.trained.source));
    made.push(() => dispose(params));
    const language = plan.language
      ? await plan.language.load(watched(plan.language.source, inside?.language))
      : options.language;
    if (plan.language) made.push(() => language?.dispose?.());
    return { vision, params, language, free };
  } catch (error) {
    free();
    throw error;
  }
}

/**
 * Makes the parts' sources report one common progress and heed the signal. Of a part that may stay outside the heap,
 * `inside` says how much of the heap it may take.
 */
function watch(source: SafetensorsSource, { onProgress, signal }: LoadOptions) {
  const total = valuesIn(source);
  let done = 0;
  const seen = async <T extends { readonly length: number } | undefined>(read: () => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    const values = await read();
    done += values?.length ?? 0;
    if (values) onProgress?.({ done, total });
    return values;
  };
  return ({ names, origin, close }: WeightSource, inside?: number): WeightSource => {
    const stored = inside === undefined ? undefined : keptOutside(source, inside);
    return {
      names,
      origin,
      close,
      read: (name) => seen(() => source.read(name)),
      stored: stored && ((name) => seen(() => stored(name))),
    };
  };
}
