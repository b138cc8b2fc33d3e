import { createHash, timingSafeEqual } from 'node:crypto';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono, type MiddlewareHandler } from 'hono';
import { Call } from './api/call.js';
import { chat } from './api/chat.js';
import { type Env, expectModel, type RequestContext, type Service } from './api/context.js';
import { embeddings } from './api/embeddings.js';
import { rerank } from './api/rerank.js';
import { search } from './api/search.js';
import { ApiError, CLIENT_CLOSED, ClientClosed } from './http/errors.js';
import type { RequestRecord } from './metrics.js';
import { hasPage, isolation, pageFolder, plainPage, starterFolder } from './page.js';

/** State of the server that its routes read, and callbacks for what they do. */
export interface AppHooks {
  /** Whether the model still runs and the server is not being closed. */
  readonly state: () => 'ok' | 'closing' | 'failed';
  /** The number of open connections. */
  readonly connections: () => number;
  /** Called with each request that begins, so that closing can wait for it. */
  readonly onCall: (call: Call) => void;
  /** Called when a request is answered, or its client is gone. */
  readonly onRequest: (record: RequestRecord) => void;
  /** Called with what went wrong within the server. */
  readonly onError: (error: unknown) => void;
}

type Handler = (c: RequestContext, service: Service) => Response | Promise<Response>;

/** The routes that need the API key, where there is one. */
const routes: readonly [method: 'GET' | 'POST', path: string, handler: Handler][] = [
  ['POST', '/v1/chat/completions', chat],
  ['POST', '/v1/rerank', rerank],
  ['POST', '/v1/embeddings', embeddings],
  ['GET', '/v1/models', (c, service) => c.json({ object: 'list', data: [modelObject(service)] })],
  ['GET', '/v1/models/:model{.+}', oneModel],
  ['POST', '/search', search],
  ['GET', '/search', search],
];

/** Makes the routes of a server. */
export function createApp(service: Service, hooks: AppHooks): Hono<Env> {
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    track(c, service, hooks);
    if (hooks.state() === 'closing') throw new ApiError(503, 'The server is closing.', { retryAfter: 5, close: true });
    await next();
  });
  app.onError((error, c) => {
    const call = c.get('call');
    call.error = error.message;
    if (error instanceof ApiError) return error.toResponse();
    if (error instanceof ClientClosed) return new Response(null, { status: 400 }); // nobody reads it
    hooks.onError(error);
    const state = hooks.state();
    const message =
      state === 'failed' ? 'The model has ended; start the server again.' : 'Something went wrong in the server.';
    return new ApiError(state === 'failed' ? 503 : 500, message).toResponse();
  });
  app.notFound((c) => new ApiError(404, `There is no ${c.req.method} ${c.req.path} here.`).toResponse());

  app.get('/health', (c) => {
    const state = hooks.state();
    const { waiting, running } = service.queue;
    return c.json({ status: state, model: service.model, waiting, running }, state === 'ok' ? 200 : 503);
  });
  const paths = [...new Set(routes.map(([, path]) => path)), '/metrics'];
  for (const path of paths) {
    app.use(path, async (c, next) => {
      authorize(c, service.apiKey);
      await next();
    });
  }
  app.get('/metrics', (c) => {
    const { queue, budget, metrics } = service;
    const gauges = { waiting: queue.waiting, running: queue.running };
    const text = metrics.text({ ...gauges, bytesInFlight: budget.used, connections: hooks.connections() });
    return c.body(text, 200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' });
  });
  for (const [method, path, handler] of routes) app.on(method, path, (c) => handler(c, service));
  const methods = new Map<string, string[]>();
  for (const [method, path] of routes) methods.set(path, [...(methods.get(path) ?? []), method]);
  for (const [path, allowed] of methods) {
    app.all(path, (c) => {
      const response = new ApiError(405, `${path} takes ${allowed.join(' and ')}, not ${c.req.method}.`).toResponse();
      response.headers.set('Allow', allowed.join(', '));
      return response;
    });
  }
  app.get('/about', (c) => c.html(plainPage(service)));
  const rewriteRequestPath = (path: string): string => path.slice('/starter'.length);
  app.use('/starter/*', isolated(serveStatic({ root: starterFolder, rewriteRequestPath })));
  if (hasPage()) app.use('/*', isolated(serveStatic({ root: pageFolder })));
  else app.get('/', (c) => c.html(plainPage(service)));
  return app;
}

/** Files with the headers that let a page use threads. */
const isolated =
  (files: MiddlewareHandler<Env>): MiddlewareHandler<Env> =>
  async (c, next) => {
    const response = await files(c, next);
    if (!(response instanceof Response)) return response; // there is no such file, and what comes next answers
    for (const [name, value] of Object.entries(isolation)) response.headers.set(name, value);
    return response;
  };

/** Follows a request to its end: what it holds is given back, and it is recorded. */
function track(c: RequestContext, { limits, metrics }: Service, hooks: AppHooks): void {
  const call = new Call();
  c.set('call', call);
  hooks.onCall(call);
  const late = new ApiError(504, `The answer did not come within ${limits.requestSeconds} seconds.`, {
    retryAfter: 10,
  });
  const timer = setTimeout(() => call.abort(late), limits.requestSeconds * 1000);
  const { incoming, outgoing } = c.env;
  const { method, path } = c.req;
  outgoing.once('close', () => {
    clearTimeout(timer);
    const whole = outgoing.writableFinished;
    if (!whole) call.abort(new ClientClosed('The client closed the connection.'));
    call.end();
    const record = call.record(method, path, whole ? outgoing.statusCode : CLIENT_CLOSED);
    metrics.request(routeOf(method, path), record);
    hooks.onRequest(record);
  });
  if (incoming.destroyed) call.abort(new ClientClosed('The client closed the connection.'));
}

/** The pattern of a path, for metrics. */
function routeOf(method: string, path: string): string {
  const known = [
    '/health',
    '/metrics',
    '/',
    '/about',
    ...routes.filter(([one]) => one === method).map(([, route]) => route),
  ];
  if (known.includes(path)) return path;
  return path.startsWith('/v1/models/') ? '/v1/models/:model' : 'other';
}

/** @throws ApiError 401 without the key of the server */
function authorize(c: RequestContext, apiKey: string | undefined): void {
  if (apiKey === undefined) return;
  const [, given = ''] = /^Bearer +(.+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(given), digest(apiKey))) return;
  const message = given === '' ? 'This server needs its API key, as a bearer token.' : 'The API key is wrong.';
  throw new ApiError(401, message, { code: 'invalid_api_key', close: true });
}

/** A model, as OpenAI's clients list it, with what it does. */
function modelObject({ model, created, info }: Service) {
  const { generates, matches, width, indexed, backend } = info;
  const tasks = [...(generates ? ['chat'] : []), ...(matches ? ['rerank', 'embeddings'] : [])];
  return {
    ...{ id: model, object: 'model', created, owned_by: 'blip2', tasks, backend },
    ...(matches && { embedding_width: width }),
    ...(indexed !== undefined && { indexed_images: indexed }),
  };
}

function oneModel(c: RequestContext, service: Service): Response {
  expectModel(service, decodeURIComponent(c.req.path.slice('/v1/models/'.length)));
  return c.json(modelObject(service));
}
