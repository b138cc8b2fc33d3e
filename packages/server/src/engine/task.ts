import type { Exchange } from '@blip2/models';
import type { SearchResult } from '@blip2/search';

/** An image as a client sends it: the bytes of a file. */
export type ImageBytes = Uint8Array;

/** A text or an image. */
export type TextOrImage = string | ImageBytes;

/** How a text is generated, in the terms of `@blip2/models`; only what can be sent to a thread. */
export interface Decoding {
  readonly beams?: number | undefined;
  readonly maxNewTokens?: number | undefined;
  readonly minNewTokens?: number | undefined;
  readonly lengthPenalty?: number | undefined;
  readonly repetitionPenalty?: number | undefined;
  readonly sample?: boolean | undefined;
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
  readonly seed?: number | undefined;
  readonly returnSequences?: number | undefined;
}

/** Captions an image, or answers a question about it. */
export interface GenerateTask {
  readonly kind: 'generate';
  readonly image: ImageBytes;
  /** Without one the image is captioned. */
  readonly question?: string | undefined;
  readonly history: readonly Exchange[];
  readonly decoding: Decoding;
  /** Whether pieces of the text are sent while it is generated; then it has one beam. */
  readonly stream: boolean;
}

/** Scores documents against a query by ITM: texts for an image, or images for a text. */
export interface RerankTask {
  readonly kind: 'rerank';
  readonly query: TextOrImage;
  readonly documents: readonly TextOrImage[];
}

/** Computes one vector for each text or image. */
export interface EmbedTask {
  readonly kind: 'embed';
  readonly inputs: readonly TextOrImage[];
}

/** Searches the index. */
export interface SearchTask {
  readonly kind: 'search';
  readonly query: TextOrImage;
  readonly top: number;
}

/** What the model is asked to do for a request. */
export type Task = GenerateTask | RerankTask | EmbedTask | SearchTask;

/** A generated text. */
export interface GeneratedText {
  readonly text: string;
  /** The number of new tokens, the one that ended it included. */
  readonly tokens: number;
  /** Whether it ended by itself, and not at the maximum of tokens. */
  readonly ended: boolean;
}

/** The result of each kind of task. */
export interface Results {
  readonly generate: { readonly texts: readonly GeneratedText[]; readonly promptTokens: number };
  /** ITM probabilities in the order of the documents. */
  readonly rerank: { readonly scores: readonly number[]; readonly tokens: number };
  readonly embed: { readonly vectors: readonly Float32Array[]; readonly tokens: number };
  readonly search: { readonly results: readonly SearchResult[] };
}

/** The result of a task. */
export type ResultOf<T extends Task> = Results[T['kind']];

/** What became of a task: its result, or what was wrong with it. */
export type Outcome = { readonly result: Results[Task['kind']] } | { readonly refused: string };

/** What the server knows of the model that it serves. */
export interface EngineInfo {
  readonly backend: { readonly name: string; readonly threads?: number };
  /** Whether it captions and answers; whether it matches, embeds and searches. */
  readonly generates: boolean;
  readonly matches: boolean;
  /** Width of an embedding; 0 where it does not match. */
  readonly width: number;
  /** The number of images in the index, where there is one. */
  readonly indexed?: number;
}

/** Tasks with equal keys are computed as one batch; undefined: a batch of its own. */
export function batchKey(task: Task): string | undefined {
  if (task.kind !== 'generate' || task.stream) return undefined;
  const { question, history, decoding } = task;
  return JSON.stringify([question === undefined, history, decoding]);
}
