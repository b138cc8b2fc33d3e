import { Worker } from 'node:worker_threads';
import { createBirpc } from 'birpc';
import type { EngineOptions } from './engine.js';
import type { EngineInfo, Outcome, Task } from './task.js';
import type { ServerFunctions, WorkerFunctions } from './worker.js';

/** A model in a thread of its own, so that the server answers while it computes. */
export interface ModelThread {
  readonly info: EngineInfo;
  /** Computes a batch of tasks. @throws the signal's reason when it is aborted; the thread is then free again when it throws */
  run(tasks: readonly Task[], options: ThreadRunOptions): Promise<Outcome[]>;
  /** Resolves when the thread has ended, with the error that ended it, unless it was closed. */
  readonly ended: Promise<Error | undefined>;
  /** Frees the model and ends the thread. */
  close(): Promise<void>;
}

/** Options of a batch. */
export interface ThreadRunOptions {
  readonly signal: AbortSignal;
  readonly onPiece: (text: string) => void;
}

const script = new URL('./worker.js', import.meta.url);

/** Starts the thread; where this file runs from its source, as in tests, it loads sources too. */
function startWorker(options: EngineOptions): Worker {
  // what libraries print must not be among the results of the command line
  const shared = { workerData: options, stdout: true };
  if (!import.meta.url.endsWith('.ts')) return new Worker(script, { ...shared, execArgv: [] });
  const source = JSON.stringify(script.href.replace(/js$/, 'ts'));
  const load = `import('tsx/esm/api').then(({ register }) => { register(); return import(${source}); });`;
  return new Worker(load, { ...shared, eval: true, execArgv: ['--conditions=@blip2/source'] });
}

/**
 * Starts a thread and loads a model in it.
 * @throws as `loadEngine` does
 */
export async function startModelThread(
  options: EngineOptions,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<ModelThread> {
  const worker = startWorker(options);
  worker.stdout.pipe(process.stderr, { end: false });
  const pieces = new Map<number, (text: string) => void>();
  const rpc = createBirpc<WorkerFunctions, ServerFunctions>(
    { onProgress, onPiece: (id, text) => pieces.get(id)?.(text) },
    {
      post: (data) => worker.postMessage(data),
      on: (listener) => worker.on('message', listener),
      timeout: -1,
    },
  );
  let closing = false;
  let failure: Error | undefined;
  const ended = new Promise<Error | undefined>((resolve) => {
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', (code) => {
      const error = closing ? undefined : (failure ?? new Error(`The thread of the model ended with code ${code}.`));
      rpc.$close(error ?? new Error('The server is closed.'));
      resolve(error);
    });
  });
  const end = async (): Promise<void> => {
    closing = true;
    await worker.terminate();
    await ended;
  };
  let info: EngineInfo;
  try {
    info = await rpc.ready();
  } catch (error) {
    await end();
    throw failure ?? error;
  }
  let next = 0;
  return {
    info,
    ended,
    async run(tasks, { signal, onPiece }) {
      signal.throwIfAborted();
      const id = next++;
      const cancel = (): void => void rpc.cancel.asEvent(id);
      pieces.set(id, onPiece);
      signal.addEventListener('abort', cancel, { once: true });
      try {
        return await rpc.run(id, tasks);
      } catch (error) {
        throw signal.aborted ? signal.reason : error;
      } finally {
        signal.removeEventListener('abort', cancel);
        pieces.delete(id);
      }
    },
    async close() {
      if (!closing) await rpc.close().catch(() => {});
      await end();
    },
  };
}
