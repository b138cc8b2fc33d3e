import type { Command } from 'commander';
import { COUNT, modelOption, numberOption, type SharedOptions } from '../options.js';
import type { Session } from '../session.js';
import { hubOptions } from './model.js';

interface ServeFlags extends SharedOptions {
  readonly model?: string;
  readonly host: string;
  readonly port: number;
  readonly index?: string;
  readonly apiKey?: string;
  readonly allowRemote?: boolean;
  readonly queue?: number;
  readonly batch?: number;
  readonly timeout?: number;
  readonly maxPixels?: number;
}

export function serveCommand(command: Command, session: Session): Command {
  return command
    .description('Serve the model by http: OpenAI chat completions with images, re-ranking, embeddings and search.')
    .addOption(modelOption())
    .option('--host <address>', 'the address to listen on; 0.0.0.0 is every network of this machine', '127.0.0.1')
    .addOption(
      numberOption('--port <n>', 'the port to listen on; 0 chooses one', { integer: true, min: 0, max: 65535 }).default(
        3000,
      ),
    )
    .option('--index <file>', 'an index of images for /search, as the index command writes it')
    .option('--api-key <key>', 'the key that requests must have (default: the environment variable BLIP2_API_KEY)')
    .option('--allow-remote', 'fetch images from public addresses of the web')
    .addOption(numberOption('--queue <n>', 'requests that may wait; others get status 429 (default: 64)', COUNT))
    .addOption(numberOption('--batch <n>', 'requests that are computed together (default: 8)', COUNT))
    .addOption(
      numberOption('--timeout <seconds>', 'time in which a request is answered (default: 120)', {
        above: 0,
        max: 86_400,
      }),
    )
    .addOption(numberOption('--max-pixels <n>', 'pixels of the largest image (default: 50000000)', COUNT))
    .action(async (flags: ServeFlags) => {
      const { model, host, port, index, allowRemote, backend, threads, orient, queue, batch, timeout, maxPixels } =
        flags;
      const { startServer } = await import('@blip2/server');
      const { terminal } = session;
      const apiKey = flags.apiKey ?? (process.env.BLIP2_API_KEY || undefined);
      const limits = { queue, batch, requestSeconds: timeout, pixels: maxPixels };
      const server = await startServer({
        ...{ model, host, port, index, apiKey, allowRemote, backend, threads, orient },
        ...hubOptions(session),
        limits: Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)),
        onProgress: (done, total) => terminal.progress('loading', { done, total }),
        onRequest: (record) => {
          const { time, method, path, status, seconds, error } = record;
          const text = `${time}  ${status}  ${seconds.toFixed(3)} s  ${method} ${path}`;
          session.result(record, error === undefined ? text : `${text}  ${error}`);
        },
        onError: (error) => terminal.line(error instanceof Error ? (error.stack ?? error.message) : String(error)),
      });
      terminal.line(`${server.model} is served at ${server.url}; Ctrl-C ends it.`);
      const stopped = new Promise<undefined>((resolve) => {
        const stop = (): void => resolve(undefined);
        process.once('SIGTERM', stop);
        session.signal.addEventListener('abort', stop, { once: true });
        if (session.signal.aborted) stop();
      });
      const failure = await Promise.race([stopped, server.failed]);
      await server.close();
      if (failure) throw new Error(`The model has ended: ${failure.message}`);
    });
}
