import type { ModelInfo } from './info.js';
import type { Methods } from './worker/methods.js';
import type { LoadSettings, SentSource } from './worker/source.js';

/** The methods of a loaded model, by name. */
export type MethodName = keyof Methods;

/** The arguments of a method, without its context. */
export type ArgumentsOf<Name extends MethodName> =
  Parameters<Methods[Name]> extends [unknown, ...infer Rest] ? Rest : never;

/** The result of a method. */
export type ResultOf<Name extends MethodName> = Awaited<ReturnType<Methods[Name]>>;

/** What the worker does for the page. `id` names a call in `cancel` and in events. */
export interface WorkerFunctions {
  /** Loads the model. */
  load(id: number, source: SentSource | undefined, settings: LoadSettings): Promise<ModelInfo>;
  /** Calls a method of the model. */
  call(id: number, name: MethodName, args: readonly unknown[]): Promise<unknown>;
  /** Stops a call, which then throws. */
  cancel(id: number): void;
}

/** What the page does for the worker. */
export interface PageFunctions {
  /** Reports what happens during a call: progress, a piece of text, a step of training. */
  event(id: number, name: string, value: unknown): void;
}

/** A worker as the page sees it, or the worker's own scope, or one end of a `MessageChannel`. */
export interface Endpoint {
  /** Sends a structured clone. */
  postMessage(message: unknown): void;
  /** Calls a function with each message. */
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  /** Stops calling a function. */
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
}
