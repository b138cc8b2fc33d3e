import { fromPretrained, type LoadedModel, type RetrievalModel } from '@blip2/models';
import { type ImageIndex, openIndex, searchByImage, searchIndex } from '@blip2/search';
import { useBackend } from '@blip2/training';
import { embed } from './embed.js';
import { generate, stream } from './generate.js';
import { type Decoder, decode, Refusal } from './image.js';
import { rerank } from './rerank.js';
import type { EngineInfo, GenerateTask, Outcome, Results, SearchTask, Task } from './task.js';

/** Options of `loadEngine`. */
export interface EngineOptions {
  /** The folder of the model. Default: the starter model. */
  readonly folder?: string | undefined;
  readonly backend?: string | undefined;
  readonly threads?: number | undefined;
  /** Whether the EXIF orientation of images is applied. Default true. */
  readonly orient?: boolean | undefined;
  /** An index of images, as `blip2 index` writes it. */
  readonly index?: string | undefined;
  /** The most pixels that an image may have. */
  readonly maxPixels: number;
}

/** What a batch is given while it runs. */
export interface RunOptions {
  /** Stops between two tokens or images. */
  readonly signal: AbortSignal;
  /** Called with each piece of a text that is streamed. */
  readonly onPiece: (text: string) => void;
}

/** A loaded model that computes tasks. */
export interface Engine {
  readonly info: EngineInfo;
  /**
   * Computes tasks of equal batch keys; what one of them is refused for does not touch the others.
   * @throws the signal's reason when it is aborted, and what is wrong with the server
   */
  run(tasks: readonly Task[], options: RunOptions): Promise<Outcome[]>;
  /** Frees the model and closes the index. */
  close(): Promise<void>;
}

/**
 * Loads a model and, where one is named, an index of images.
 * @throws as `fromPretrained` and `openIndex` do, and for an index of another model
 */
export async function loadEngine(
  options: EngineOptions,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Engine> {
  const { folder, backend, threads, orient, maxPixels } = options;
  await useBackend({ ...(backend !== undefined && { backend }), threads });
  const model = await fromPretrained(folder, { orient, onProgress: ({ done, total }) => onProgress(done, total) });
  const generator = model.models.find((one) => one.kind === 'generation');
  const retriever = model.models.find((one): one is RetrievalModel => one.kind === 'retrieval');
  const decoder: Decoder = { maxPixels, orient };
  let index: ImageIndex | undefined;
  try {
    index = options.index === undefined ? undefined : await openChecked(options.index, retriever);
  } catch (error) {
    model.dispose();
    throw error;
  }

  async function run(tasks: readonly Task[], running: RunOptions): Promise<Outcome[]> {
    if (tasks.every((task): task is GenerateTask => task.kind === 'generate' && !task.stream)) {
      if (!generator) throw new Error('The model has no language model.');
      return generate({ blip2: model, model: generator, decoder }, tasks, running.signal);
    }
    const outcomes: Outcome[] = [];
    for (const task of tasks) outcomes.push(await one(task, running));
    return outcomes;
  }

  async function one(task: Task, running: RunOptions): Promise<Outcome> {
    try {
      return { result: await resultOf(task, running) };
    } catch (error) {
      if (error instanceof Refusal) return { refused: error.message };
      throw error;
    }
  }

  async function resultOf(task: Task, running: RunOptions): Promise<Results[Task['kind']]> {
    const { signal } = running;
    if (task.kind === 'generate') {
      if (!generator) throw new Error('The model has no language model.');
      return stream({ blip2: model, model: generator, decoder }, task, running);
    }
    if (!retriever) throw new Error('The model has no matching heads.');
    if (task.kind === 'rerank') return rerank({ model: retriever, decoder }, task, signal);
    if (task.kind === 'embed') return embed({ model: retriever, decoder }, task, signal);
    return { results: await search(retriever, task, signal) };
  }

  async function search(retriever: RetrievalModel, { query, top }: SearchTask, signal: AbortSignal) {
    if (!index) throw new Error('The server has no index.');
    if (typeof query === 'string') return searchIndex(retriever, { index, query }, { top, signal });
    return searchByImage(retriever, { index, image: await decode(query, decoder) }, { top, signal });
  }

  return {
    info: {
      backend: model.backend,
      generates: generator !== undefined,
      matches: retriever !== undefined,
      width: retriever?.config.projectionSize ?? 0,
      ...(index && { indexed: index.images.length }),
    },
    run,
    async close() {
      model.dispose();
      await index?.close();
    },
  };
}

/** Opens an index, and searches it once, which finds one of another model. */
async function openChecked(path: string, model: LoadedModel | undefined): Promise<ImageIndex> {
  if (model?.kind !== 'retrieval')
    throw new Error(`The model has no matching heads, which '${path}' is searched with.`);
  const index = await openIndex(path);
  try {
    await searchIndex(model, { index, query: 'a' }, { top: 1, rerank: 0 });
    return index;
  } catch (error) {
    await index.close();
    throw error;
  }
}
