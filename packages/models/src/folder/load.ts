import { loadTokenizer, type Processor, readProcessor, type Tokenizer } from '@blip2/data';
import { type AdaptedWeights, type BesideAdapters, type LanguageModel, languageKind } from '@blip2/llm';
import { dispose, sizeOf, type WeightSource } from '@blip2/tensor';
import { isFile, join, toPath } from '@blip2/tensor/files';
import type { Stage1Params, Stage2Params } from '@blip2/training';
import { type Prompts, readPrompts } from '../generate/prompts.js';
import { isExternal, type ModelConfig, type ModelKind, readModelConfig } from './config.js';
import { type ExternalModels, type LoadPlan, loadPlan, mismatchesOf, valuesToLoad } from './load-plan.js';
import type { LoadedModel } from './loaded-model.js';
import { type MemoryBudget, type Placement, placeModel } from './memory-budget.js';
import { openModel } from './open.js';
import { bytesIn, expectMatch, keptOutside, type LoadProgress, type ModelWeights } from './sources.js';

/** Options of `loadFolder`. */
export interface LoadOptions extends ExternalModels {
  /** Which model of a training run's folder is loaded. Default of `loadFolder`: that of the later stage. */
  readonly kind?: ModelKind | undefined;
  /**
   * Whether the EXIF orientation of images that the model is given is applied, as by transformers' `load_image`. Default true;
   * LAVIS ignores it.
   */
  readonly orient?: boolean | undefined;
  /**
   * Folder of LoRA adapters of PEFT (a path or a `file:` URL) that are merged into the weights. Default: those in the model's
   * folder, or in its subfolder `adapter`, if there are any.
   */
  readonly adapter?: string | URL | undefined;
  /** The most new tokens that will be generated: a model with fewer positions is refused before it is loaded. */
  readonly maxNewTokens?: number | undefined;
  /** The memory that is available. Default: measured, from the backend in use and the system. */
  readonly memory?: MemoryBudget | undefined;
  /** Called after each tensor. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Stops loading between two tensors: the call then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads one model from a Hugging Face folder: `Blip2ForImageTextRetrieval`, or `Blip2ForConditionalGeneration` or
 * `InstructBlipForConditionalGeneration` with a language model that `@blip2/llm` reads; or from the folder of a training run,
 * which holds `stage1` and `stage2`. Tensors are read one by one as float32.
 * @param folder a path or a `file:` URL
 * @throws BindError, before anything is allocated, that lists every missing, unused and mis-shaped tensor of all parts;
 * an Error for a folder, config, tokenizer or processor that is missing or invalid, and for a model that does not fit into
 * memory
 */
export async function loadFolder(folder: string | URL, options: LoadOptions = {}): Promise<LoadedModel> {
  const opened = await openFolder(await modelFolder(folder, options.kind), options);
  try {
    return await loadOpened(opened, options);
  } finally {
    await opened.source.close();
  }
}

/**
 * Reads what `loadFolder` reads before the weights, and checks it: configuration, tokenizer, processor, and the names and shapes of all
 * tensors, which must be those of the model and fit into memory.
 * @param folder a path or a `file:` URL; of a training run, where each of its models is checked unless `kind` selects one
 * @throws as `loadFolder` does
 */
export async function checkFolder(folder: string | URL, options: LoadOptions = {}): Promise<void> {
  const kinds = options.kind ? [options.kind] : await modelKindsIn(folder);
  const paths = kinds.length > 0 ? kinds.map((kind) => modelFolder(folder, kind)) : [toPath(folder)];
  for (const path of paths) {
    const opened = await openFolder(await path, options);
    try {
      planOf(opened, options);
    } finally {
      await opened.source.close();
    }
  }
}

/** A model's folder, open, with all that is read of it but its weights. */
export interface OpenedFolder {
  readonly folder: string;
  readonly model: ModelConfig;
  /** All tensors; closed by the caller. */
  readonly source: AdaptedWeights;
  readonly tokenizer: Tokenizer;
  readonly processor: Processor;
  readonly prompts: Prompts;
  /** The tokenizer of the Q-Former of an InstructBLIP. */
  readonly instruction?: Tokenizer | undefined;
}

/** Opens one model's folder, and reads all but its weights. The caller closes `source`. @throws as `loadFolder` does */
export async function openFolder(path: string, options: LoadOptions): Promise<OpenedFolder> {
  const { json, generation, source } = await openModel(path, { adapter: options.adapter, beside: true });
  try {
    const model = readModelConfig(json, path, generation);
    expectNewTokens(model, options, path);
    const [tokenizer, processor, prompts] = [
      await loadTokenizer(path),
      await readProcessor(path),
      await readPrompts(path, kindOf(model, options)),
    ];
    const instruction = model.instructed ? await loadTokenizer(join(path, 'qformer_tokenizer')) : undefined;
    return { folder: path, model, source, tokenizer, processor, prompts, instruction };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Plans how an open folder is loaded. @throws for tensors that are not those of the model, and for one that does not fit */
function planOf({ folder, model, source }: OpenedFolder, options: LoadOptions) {
  const plan = loadPlan(source, model, options);
  expectMatch(source.origin, mismatchesOf(plan));
  const stored = { vision: bytesIn(plan.vision?.source), language: bytesIn(plan.language?.source) };
  return { plan, placement: placeModel(folder, plan.memory, { budget: options.memory, stored }) };
}

/** Loads the model of an open folder. @throws as `loadFolder` does */
export async function loadOpened(opened: OpenedFolder, options: LoadOptions): Promise<LoadedModel> {
  const { folder, model, source, tokenizer, processor, prompts, instruction } = opened;
  const { plan, placement } = planOf(opened, options);
  const { vision, params, language, free } = await loadParts(plan, source, { ...options, ...placement });
  const { orient } = options;
  const common = { folder, config: plan.config, vision, processor, tokenizer, orient, dispose: free };
  if (model.kind === 'retrieval') {
    const parts = plan.parts === 'pretraining' ? 'pretraining' : 'retrieval';
    const { rerank } = model;
    return { ...common, kind: 'retrieval', parts, rerank, params: params as Stage1Params, [Symbol.dispose]: free };
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
}

/** @throws where the language model has too few positions for the queries and the new tokens, whatever the prompt */
function expectNewTokens({ language, qformer }: ModelConfig, { maxNewTokens = 0 }: LoadOptions, path: string): void {
  if (!language || isExternal(language) || !('maxPositions' in language)) return;
  const most = language.maxPositions - qformer.queries;
  if (maxNewTokens <= most) return;
  throw new Error(
    `The language model of ${path} has ${language.maxPositions} positions, too few for ${qformer.queries} queries and maxNewTokens ${maxNewTokens}; lower maxNewTokens (--max-new-tokens) to ${most} or less.`,
  );
}

/** The subfolder of a training run's folder for each kind of model. */
const stages: Readonly<Record<ModelKind, string>> = { generation: 'stage2', retrieval: 'stage1' };

/** Lists the kinds of model in a training run's folder, that of the later stage first; an empty list for any other folder. */
export async function modelKindsIn(folder: string | URL): Promise<ModelKind[]> {
  const found: ModelKind[] = [];
  for (const kind of ['generation', 'retrieval'] as const) {
    if (await isFile(join(toPath(folder), stages[kind], 'config.json'))) found.push(kind);
  }
  return found;
}

/**
 * Finds the folder of a model: the given one, or the subfolder of a training run's folder.
 * @param need the kind of model. Default: that of the later stage
 * @throws for a training run's folder without that kind of model
 */
export async function modelFolder(folder: string | URL, need?: ModelKind): Promise<string> {
  const path = toPath(folder);
  const found = await modelKindsIn(path);
  if (found.length === 0) return path;
  const kind = need ?? found[0]!;
  if (found.includes(kind)) return join(path, stages[kind]);
  throw new Error(
    `'${path}' holds ${stages[found[0]!]} but no ${stages[kind]}, which is needed for this; train that stage first.`,
  );
}

/** The kind of the language model, external or stored. */
function kindOf({ language: stored }: ModelConfig, { language: given }: LoadOptions): LanguageModel['kind'] {
  return given?.kind ?? (stored && !isExternal(stored) ? languageKind(stored) : 'decoder');
}

type Loaded = Pick<LoadedModel, 'vision' | 'params'> & Pick<ExternalModels, 'language'> & { free: () => void };

/** Loads every part; when one fails, the others are disposed. */
async function loadParts(plan: LoadPlan, source: AdaptedWeights, options: LoadOptions & Placement): Promise<Loaded> {
  const disposers: (() => void)[] = [];
  const free = (): void => {
    for (const dispose of disposers.splice(0)) dispose();
  };
  const watched = watch(source, options);
  const { inHeap } = options;
  try {
    const vision = plan.vision ? await plan.vision.load(watched(plan.vision.source, inHeap?.vision)) : options.vision!;
    if (plan.vision) disposers.push(() => vision.dispose?.());
    const params = await plan.trained.load(watched(plan.trained.source));
    disposers.push(() => dispose(params));
    const base = plan.language
      ? await plan.language.load(watched(plan.language.source, inHeap?.language))
      : options.language;
    if (plan.language) disposers.push(() => base?.dispose?.());
    const language = base && source.beside ? await adapted(base, source.beside, disposers) : base;
    return { vision, params, language, free };
  } catch (error) {
    free();
    throw error;
  }
}

/** Gives a language model with the adapters of its packed layers, which `disposers` then free. */
async function adapted(base: LanguageModel, { config, read }: BesideAdapters, disposers: (() => void)[]) {
  if (!base.lora) return base;
  const adapters = await read();
  disposers.push(() => dispose(adapters));
  return base.lora.adapt(adapters, { config });
}

/** Makes the sources of the parts report their common progress and obey the signal. `inHeap` limits a part's bytes of the heap. */
function watch(source: ModelWeights, { vision, language, onProgress, signal }: LoadOptions) {
  const total = valuesToLoad(source, { vision: !vision, language: !language });
  let done = 0;
  const counted = async <T extends { readonly length: number } | undefined>(read: () => Promise<T>): Promise<T> => {
    signal?.throwIfAborted();
    const values = await read();
    done += values?.length ?? 0;
    if (values) onProgress?.({ done, total });
    return values;
  };
  const countedMatrix = async (open: WeightSource['quantized'], name: string) => {
    signal?.throwIfAborted();
    const matrix = await open?.(name);
    if (!matrix) return undefined;
    done += sizeOf(matrix.shape);
    onProgress?.({ done, total });
    return matrix;
  };
  return ({ names, origin, close }: WeightSource, inHeap?: number): WeightSource => {
    const { stored, quantized } = inHeap === undefined ? source : keptOutside(source, inHeap);
    return {
      names,
      origin,
      close,
      read: (name, target) => counted(() => source.read(name, target)),
      quantized: (name) => countedMatrix(quantized, name),
      stored: stored && ((name) => counted(() => stored(name))),
    };
  };
}
