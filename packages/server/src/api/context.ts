import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { z } from 'zod';
import type { EngineInfo, ImageBytes, ResultOf, Task, TextOrImage } from '../engine/task.js';
import { type BodyBudget, parseBody, readJsonBody } from '../http/body.js';
import { ApiError } from '../http/errors.js';
import { readImage } from '../images/read.js';
import type { RemoteOptions } from '../images/remote.js';
import type { Limits } from '../limits.js';
import type { Metrics } from '../metrics.js';
import type { TaskQueue } from '../queue.js';
import type { Call } from './call.js';

/** What the routes of a server share. */
export interface Service {
  /** The name of the model in requests and answers. */
  readonly model: string;
  /** When the server started, in seconds since 1970. */
  readonly created: number;
  readonly info: EngineInfo;
  readonly limits: Limits;
  readonly queue: TaskQueue;
  readonly budget: BodyBudget;
  readonly metrics: Metrics;
  readonly apiKey: string | undefined;
  readonly allowRemote: boolean;
  /** Which addresses images are fetched from, and how names are resolved, in tests. */
  readonly remote: Pick<RemoteOptions, 'allows' | 'resolve'>;
}

/** The types of a request's context. */
export interface Env {
  Bindings: HttpBindings;
  Variables: { call: Call };
}

export type RequestContext = Context<Env>;

/** Reads and checks the body of a request. @throws ApiError as `readJsonBody` and `parseBody` do */
export async function bodyOf<T>(c: RequestContext, service: Service, schema: z.ZodType<T>): Promise<T> {
  const { limits, budget } = service;
  const call = c.get('call');
  const onBytes = (bytes: number): void => call.onEnd(() => budget.give(bytes));
  return parseBody(schema, await readJsonBody(c.env.incoming, { limits, budget, onBytes }));
}

/** Computes a task when it is its turn. @throws as the queue does */
export function compute<T extends Task>(
  c: RequestContext,
  { queue }: Service,
  task: T,
  onPiece?: (text: string) => void,
): Promise<ResultOf<T>> {
  const call = c.get('call');
  return queue.add(task, { signal: call.signal, onStart: (batch) => call.started(batch), ...(onPiece && { onPiece }) });
}

/** An image of a request. */
export interface ImageInput {
  readonly image: string;
}

/** A text or an image of a request; several shapes are in use. */
export type Input = string | ImageInput | { readonly text: string };

/** Reads the texts and images of a request. @throws ApiError 400 for too many, and for images that cannot be read */
export async function inputsOf(c: RequestContext, service: Service, inputs: readonly Input[]): Promise<TextOrImage[]> {
  const { items } = service.limits;
  if (inputs.length > items) {
    throw new ApiError(400, `There are ${inputs.length} texts and images; this server takes ${items} at once.`);
  }
  const read: TextOrImage[] = [];
  let bytes = 0;
  for (const input of inputs) {
    if (typeof input === 'string') read.push(input);
    else if ('text' in input) read.push(input.text);
    else {
      const image = await imageOf(c, service, input.image, service.limits.bodyBytes - bytes);
      bytes += image.length;
      read.push(image);
    }
  }
  return read;
}

/** Reads an image of a request. @throws ApiError 400 as `readImage` does */
export function imageOf(
  c: RequestContext,
  { limits, allowRemote, remote }: Service,
  url: string,
  maxBytes = limits.bodyBytes,
): Promise<ImageBytes> {
  const { signal } = c.get('call');
  return readImage(url, { ...remote, allowRemote, maxBytes, seconds: limits.fetchSeconds, signal });
}

/** @throws ApiError 404 unless a request names the model of this server, or none */
export function expectModel({ model }: Service, named: string | undefined): void {
  if (named === undefined || named === model) return;
  throw new ApiError(404, `There is no model '${named}' here; this server has '${model}'.`, {
    code: 'model_not_found',
    param: 'model',
  });
}

/** @throws ApiError 400 where the model cannot do what is asked for */
export function expectAbility({ model, info }: Service, ability: 'generates' | 'matches'): void {
  if (info[ability]) return;
  const lacks = ability === 'generates' ? 'has no language model to generate text with' : 'has no matching heads';
  throw new ApiError(400, `The model '${model}' ${lacks}.`, { code: 'unsupported' });
}
