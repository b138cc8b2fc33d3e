import type {
  Answer,
  AskOptions,
  Caption,
  CaptionOptions,
  CaptionsOptions,
  Match,
  StreamTextOptions,
} from '@blip2/models';
import type { ModelInfo } from '../info.js';
import type { Connection } from './connection.js';
import { type PageImage, sentImage, sentImages } from './images.js';

/** An option of every call. */
interface Cancellable {
  /** Stops the call, which throws the signal's reason at once; the worker stops at its next token, image or step. */
  readonly signal?: AbortSignal | undefined;
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

  return { info, caption, ask, stream, match, terminate, [Symbol.dispose]: terminate };
}
