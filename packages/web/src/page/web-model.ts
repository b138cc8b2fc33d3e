import type { ExplainOptions, Explanation } from '@blip2/explain';
import type {
  Answer,
  AskOptions,
  Caption,
  CaptionOptions,
  CaptionsOptions,
  Match,
  StreamTextOptions,
} from '@blip2/models';
import type { SearchResult } from '@blip2/search';
import type { FineTuneSettings, FineTuneStep } from '../fine-tune.js';
import type { ModelInfo } from '../info.js';
import type { TrainedModel } from '../worker/train.js';
import type { Connection } from './connection.js';
import { type PageImage, sentImage, sentImages } from './images.js';

/** The option of every call. */
export interface Cancellable {
  /** Stops the call, which throws the signal's reason at once; the worker stops at its next token, image or step. */
  readonly signal?: AbortSignal | undefined;
}

/** An image with the name by which results call it. */
export interface NamedImage {
  /** Different for each image of an index. */
  readonly name: string;
  readonly image: PageImage;
}

/** Options of `index`. */
export interface WebIndexOptions extends Cancellable {
  /** Called after each image with the number of images done and their total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Called with the name of an image that cannot be read, which is left out. */
  readonly onUnreadable?: ((name: string) => void) | undefined;
}

/** An index of images, which the worker holds in memory. */
export interface WebIndex {
  /** By which the worker knows it. */
  readonly id: number;
  /** The number of its images. */
  readonly images: number;
}

/** Options of `search`. */
export interface WebSearchOptions extends Cancellable {
  /** The number of results. Default 10. */
  readonly top?: number | undefined;
  /** How many of the best images by ITC are re-ranked by ITM, for a text; 0: none. Default: what the model's folder says. */
  readonly rerank?: number | undefined;
}

/** An image with its captions, from which a model learns. */
export interface WebExample {
  readonly image: PageImage;
  /** At least one. */
  readonly captions: readonly string[];
}

/** Options of `train`. */
export interface WebTrainOptions extends FineTuneSettings, Cancellable {
  /** Images that are not trained on and are captioned before and after training. Default: none. */
  readonly heldOut?: readonly PageImage[] | undefined;
  /** Called with the number of encoded images. */
  readonly onEncoded?: ((done: number, total: number) => void) | undefined;
  /** Called with the captions of the held-out images, before the first step. */
  readonly onBefore?: ((captions: readonly string[]) => void) | undefined;
  /** Called after each step. */
  readonly onStep?: ((step: FineTuneStep) => void) | undefined;
}

/** A model in a worker, with the methods of a `Blip2` of `@blip2/models`. Calls are computed one after the other. */
export interface WebModel extends Disposable {
  /** What was loaded, and what computes. */
  readonly info: ModelInfo;
  /** Captions an image. Default: 5 beams (one beam with `sample`) and at most 30 new tokens. */
  caption(image: PageImage, options?: CaptionOptions): Promise<Caption>;
  /** Captions several images; the captions are in the order of the images. */
  caption(images: readonly PageImage[], options?: CaptionsOptions): Promise<Caption[]>;
  /** Answers a question about an image. Default: 5 beams (one beam with `sample`), length penalty -1 and at most 10 new tokens. */
  ask(image: PageImage, question: string, options?: AskOptions): Promise<Answer>;
  /** Answers several questions about one image, which is encoded once, or question i about image i. */
  ask(image: PageImage | readonly PageImage[], questions: readonly string[], options?: AskOptions): Promise<Answer[]>;
  /**
   * Captions an image or answers a question about it by greedy search or sampling, and yields pieces of the text as they are
   * generated; `break` stops the worker too.
   */
  stream(image: PageImage, options?: StreamTextOptions): AsyncGenerator<string, void, undefined>;
  /** Scores how well a text describes an image, by ITM and ITC. @throws where no retrieval model was loaded */
  match(image: PageImage, text: string, options?: Cancellable): Promise<Match>;
  /** Scores several texts against one image, which is encoded once; the results are in the order of the texts. */
  match(image: PageImage, texts: readonly string[], options?: Cancellable): Promise<Match[]>;
  /** Makes an index of images in the worker's memory. @throws where no retrieval model was loaded, and where no image can be read */
  index(images: readonly NamedImage[], options?: WebIndexOptions): Promise<WebIndex>;
  /**
   * Searches an index: by ITC and then, where the model does so, by ITM for a text; by the similarity of their features for an image.
   * @returns the best images, by their names
   */
  search(
    index: WebIndex,
    query: string | { readonly image: PageImage },
    options?: WebSearchOptions,
  ): Promise<SearchResult[]>;
  /** Gives the memory of an index back. */
  release(index: WebIndex): Promise<void>;
  /** Computes what the queries attend to and, with a `text`, the relevance of each of its words; see `explain` of `@blip2/explain`. */
  explain(image: PageImage, options?: ExplainOptions & Cancellable): Promise<Explanation>;
  /**
   * Fine-tunes a copy of the model's trained parameters on images with captions; see `fineTune` of `@blip2/web/fine-tune`. The model
   * itself stays as it is.
   * @returns the files of the trained model's folder, which `fromPretrained` and the command line read
   */
  train(examples: readonly WebExample[], options?: WebTrainOptions): Promise<TrainedModel>;
  /** Ends the worker, which gives all of its memory back; calls that run throw. */
  terminate(): void;
}

/** Divides options into those that are sent, and those that are not: the signal and callbacks. */
function divide<Options extends Cancellable & object>({ signal, ...options }: Options) {
  const sent = Object.fromEntries(Object.entries(options).filter(([, value]) => typeof value !== 'function'));
  return { sent: sent as Omit<Options, 'signal' | `on${string}`>, signal };
}

const isList = (image: PageImage | readonly PageImage[]): image is readonly PageImage[] => Array.isArray(image);

/** Makes the methods of a model over a connection to the worker that has loaded it. */
export function webModel(connection: Connection, info: ModelInfo, terminate: () => void): WebModel {
  async function caption(image: PageImage, options?: CaptionOptions): Promise<Caption>;
  async function caption(images: readonly PageImage[], options?: CaptionsOptions): Promise<Caption[]>;
  async function caption(image: PageImage | readonly PageImage[], options: CaptionsOptions = {}) {
    const { sent, signal } = divide(options);
    if (isList(image)) return connection.call('captions', [await sentImages(image), sent], { signal });
    return connection.call('caption', [await sentImage(image), sent as CaptionOptions], { signal });
  }

  async function ask(image: PageImage, question: string, options?: AskOptions): Promise<Answer>;
  async function ask(
    image: PageImage | readonly PageImage[],
    questions: readonly string[],
    options?: AskOptions,
  ): Promise<Answer[]>;
  async function ask(
    image: PageImage | readonly PageImage[],
    question: string | readonly string[],
    options: AskOptions = {},
  ) {
    const { sent, signal } = divide(options);
    if (typeof question === 'string' && !isList(image)) {
      return connection.call('ask', [await sentImage(image), question, sent], { signal });
    }
    const images = await sentImages(isList(image) ? image : [image]);
    return connection.call('askSeveral', [images, [question].flat(), sent], { signal });
  }

  async function* stream(image: PageImage, options: StreamTextOptions = {}) {
    const { sent, signal } = divide(options);
    const given = await sentImage(image);
    const stopped = new AbortController();
    const both = signal ? AbortSignal.any([signal, stopped.signal]) : stopped.signal;
    const pieces = new ReadableStream<string>({
      start(controller) {
        const on = { piece: (text: string) => controller.enqueue(text), token: options.onToken };
        connection.call('stream', [given, sent], { signal: both, on }).then(
          () => controller.close(),
          (error: unknown) => controller.error(error),
        );
      },
    });
    const reader = pieces.getReader();
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    } finally {
      stopped.abort();
    }
  }

  async function match(image: PageImage, text: string, options?: Cancellable): Promise<Match>;
  async function match(image: PageImage, texts: readonly string[], options?: Cancellable): Promise<Match[]>;
  async function match(image: PageImage, texts: string | readonly string[], { signal }: Cancellable = {}) {
    const matches = await connection.call('match', [await sentImage(image), [texts].flat()], { signal });
    return typeof texts === 'string' ? matches[0]! : matches;
  }

  async function index(images: readonly NamedImage[], options: WebIndexOptions = {}): Promise<WebIndex> {
    const { signal, onProgress, onUnreadable } = options;
    const given = await Promise.all(images.map(async ({ name, image }) => ({ name, image: await sentImage(image) })));
    const progress = ({ done, total }: { done: number; total: number }): void => onProgress?.(done, total);
    return connection.call('index', [given], { signal, on: { progress, unreadable: onUnreadable } });
  }

  async function search(
    { id }: WebIndex,
    query: string | { readonly image: PageImage },
    { signal, ...options }: WebSearchOptions = {},
  ): Promise<SearchResult[]> {
    const given = typeof query === 'string' ? query : { image: await sentImage(query.image) };
    return connection.call('search', [id, given, options], { signal });
  }

  async function train(examples: readonly WebExample[], options: WebTrainOptions = {}): Promise<TrainedModel> {
    const { signal, heldOut = [], onEncoded, onBefore, onStep, ...settings } = options;
    const given = await Promise.all(
      examples.map(async ({ image, captions }) => ({ image: await sentImage(image), captions })),
    );
    const encoded = ({ done, total }: { done: number; total: number }): void => onEncoded?.(done, total);
    const images = { examples: given, heldOut: await sentImages(heldOut) };
    return connection.call('train', [images, settings], { signal, on: { encoded, before: onBefore, step: onStep } });
  }

  return {
    ...{ info, caption, ask, stream, match, index, search, train, terminate },
    release: ({ id }) => connection.call('release', [id]),
    async explain(image, { signal, ...options } = {}) {
      return connection.call('explain', [await sentImage(image), options], { signal });
    },
    [Symbol.dispose]: terminate,
  };
}
