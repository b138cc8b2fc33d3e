import { parentPort, workerData } from 'node:worker_threads';
import { createBirpc } from 'birpc';
import { type EngineOptions, loadEngine } from './engine.js';
import type { EngineInfo, Outcome, Task } from './task.js';

/** What the thread of the model does for the server. */
export interface WorkerFunctions {
  /** Waits until the model is loaded. */
  ready(): Promise<EngineInfo>;
  /** Computes a batch; `id` names it in `cancel` and `onPiece`. */
  run(id: number, tasks: readonly Task[]): Promise<Outcome[]>;
  /** Stops a batch, whose `run` then throws. */
  cancel(id: number): void;
  /** Frees the model. */
  close(): Promise<void>;
}

/** What the server does for the thread of the model. */
export interface ServerFunctions {
  onProgress(done: number, total: number): void;
  onPiece(id: number, text: string): void;
}

const running = new Map<number, AbortController>();

const server = createBirpc<ServerFunctions, WorkerFunctions>(
  {
    ready: async () => (await engine).info,
    async run(id, tasks) {
      const controller = new AbortController();
      running.set(id, controller);
      try {
        const onPiece = (text: string): void => void server.onPiece.asEvent(id, text);
        return await (await engine).run(tasks, { signal: controller.signal, onPiece });
      } finally {
        running.delete(id);
      }
    },
    cancel: (id) => running.get(id)?.abort(),
    close: async () => (await engine).close(),
  },
  {
    post: (data) => parentPort!.postMessage(data),
    on: (listener) => parentPort!.on('message', listener),
    timeout: -1,
  },
);

const engine = loadEngine(workerData as EngineOptions, (done, total) => void server.onProgress.asEvent(done, total));
engine.catch(() => {}); // `ready` reports it
