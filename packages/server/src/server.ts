import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ResolveOptions, resolveModel } from '@blip2/hub';
import { getRequestListener } from '@hono/node-server';
import type { Call } from './api/call.js';
import type { Service } from './api/context.js';
import { createApp } from './app.js';
import { startModelThread } from './engine/model-thread.js';
import type { EngineInfo } from './engine/task.js';
import { BodyBudget } from './http/body.js';
import { ApiError } from './http/errors.js';
import type { RemoteOptions } from './images/remote.js';
import { defaultLimits, type Limits } from './limits.js';
import { Metrics, type RequestRecord } from './metrics.js';
import { TaskQueue } from './queue.js';

/** Options of `startServer`; `signal` stops loading, `onDownload` and `onNote` are those of `fromPretrained`. */
export interface ServerOptions extends ResolveOptions {
  /** A Hugging Face folder, the folder of a training run, or a hub name. Default: the starter model. */
  readonly model?: string | undefined;
  /** The name of the model in requests and answers. Default: `model`, or `blip2-starter`. */
  readonly name?: string | undefined;
  /** The address to listen on. Default `127.0.0.1`: this machine only. */
  readonly host?: string | undefined;
  /** The port to listen on; 0 chooses one. Default 3000. */
  readonly port?: number | undefined;
  /** An index of images, as `indexImages` of `@blip2/search` writes it, for `/search`. */
  readonly index?: string | undefined;
  /** The key that requests must have as a bearer token. Default: none is needed. */
  readonly apiKey?: string | undefined;
  /** Fetch images by http and https from public addresses. Default false. */
  readonly allowRemote?: boolean | undefined;
  /** The backend of TensorFlow.js. Default `simd`. */
  readonly backend?: string | undefined;
  /** Threads of the simd backend. Default: the cores, at most 4. */
  readonly threads?: number | undefined;
  /** Whether the EXIF orientation of images is applied. Default true. */
  readonly orient?: boolean | undefined;
  /** What the server accepts, and how long it waits, in place of the defaults. */
  readonly limits?: Partial<Limits> | undefined;
  /** Called while the model is loaded, with the values that were read and their total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Called for each request when it is answered, or its client is gone. */
  readonly onRequest?: ((record: RequestRecord) => void) | undefined;
  /** Called with what went wrong within the server. Default: it is printed on stderr. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Which addresses images are fetched from, and how names are resolved, for tests. Default: public ones, by the system. */
  readonly remote?: Pick<RemoteOptions, 'allows' | 'resolve'> | undefined;
}

/** A server that listens. */
export interface RunningServer {
  /** Its address, such as `http://127.0.0.1:3000`. */
  readonly url: string;
  readonly port: number;
  /** The name of the model. */
  readonly model: string;
  readonly info: EngineInfo;
  /** Resolves when the model has ended by itself, with what ended it; every request is then answered with status 503. */
  readonly failed: Promise<Error>;
  /** Takes no more requests, lets those that came end, and frees the model. */
  close(): Promise<void>;
}

/**
 * Loads a model in a thread of its own, and serves it by http.
 * @throws as `fromPretrained` does, and where the address cannot be listened on
 */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 3000, signal } = options;
  const { onRequest = () => {}, onProgress, onError = (error: unknown) => console.error(error) } = options;
  const limits: Limits = { ...defaultLimits, ...options.limits };
  const folder = options.model === undefined ? undefined : await resolveModel(options.model, options);
  const { backend, threads, orient, index } = options;
  signal?.throwIfAborted();
  const thread = await startModelThread(
    { folder, backend, threads, orient, index, maxPixels: limits.pixels },
    onProgress,
  );

  let state: 'ok' | 'closing' | 'failed' = 'ok';
  const failed = thread.ended.then((error) => {
    if (error === undefined || state === 'closing') return new Promise<never>(() => {});
    state = 'failed';
    return error;
  });
  const metrics = new Metrics();
  const queue = new TaskQueue({
    run: (tasks, running) => thread.run(tasks, running),
    limit: limits.queue,
    batch: limits.batch,
    onBatch: (tasks, seconds) => metrics.batch(tasks, seconds),
  });
  const service: Service = {
    model: options.name ?? options.model ?? 'blip2-starter',
    created: Math.floor(Date.now() / 1000),
    info: thread.info,
    limits,
    queue,
    budget: new BodyBudget(limits.bytesInFlight),
    metrics,
    apiKey: options.apiKey,
    allowRemote: options.allowRemote ?? false,
    remote: options.remote ?? {},
  };
  const calls = new Set<Call>();
  let connections = 0;
  const app = createApp(service, {
    state: () => state,
    connections: () => connections,
    onCall: (call) => {
      calls.add(call);
      call.onEnd(() => calls.delete(call));
    },
    onRequest,
    onError,
  });
  const server = createServer(
    {
      headersTimeout: limits.headerSeconds * 1000,
      // bodies have their own time, which is answered; this closes what is left
      requestTimeout: (limits.headerSeconds + limits.bodySeconds + 5) * 1000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 5000,
    },
    getRequestListener(app.fetch, { overrideGlobalObjects: false }),
  );
  server.maxConnections = limits.connections;
  server.on('connection', (socket) => {
    connections++;
    socket.on('close', () => connections--);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, host, resolve);
    });
  } catch (error) {
    await thread.close();
    throw listenError(error as NodeJS.ErrnoException, host, port);
  }
  const address = server.address() as AddressInfo;
  const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;

  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    state = 'closing';
    const ended = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    const timer = setTimeout(() => {
      for (const call of calls) call.abort(new ApiError(503, 'The server is closing.', { close: true }));
      setTimeout(() => server.closeAllConnections(), 500).unref();
    }, limits.shutdownSeconds * 1000);
    // a connection that becomes idle only now is not closed by the server itself
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    await ended;
    clearTimeout(timer);
    clearInterval(idle);
    await thread.close();
  }
  return {
    url: `http://${shown}:${address.port}`,
    port: address.port,
    model: service.model,
    info: thread.info,
    failed,
    close: () => (closed ??= close()),
  };
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') return new Error(`Port ${port} of ${host} is taken; choose another with --port.`);
  if (error.code === 'EACCES')
    return new Error(`Port ${port} needs rights that this process lacks; choose another one.`);
  return error;
}
