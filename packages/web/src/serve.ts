import type { Blip2 } from '@blip2/models';
import { createBirpc } from 'birpc';
import type { CallContext } from './call-context.js';
import { channelOf } from './channel.js';
import type { Endpoint, PageFunctions, WorkerFunctions } from './protocol.js';
import { loadModel } from './worker/load-model.js';
import { type Methods, methods } from './worker/methods.js';

export type { Endpoint } from './protocol.js';

/** A model that is served to a page. */
export interface Served extends Disposable {
  /** Stops what runs and frees the model. */
  dispose(): void;
}

type AnyMethod = (context: CallContext, ...args: readonly unknown[]) => Promise<unknown>;

/**
 * Serves a model to a page: loads the one that the page asks for, and computes the page's calls one after the other. The script of a
 * worker of your own calls it with `globalThis`; `@blip2/web/worker` does nothing else.
 */
export function serve(endpoint: Endpoint): Served {
  const running = new Map<number, AbortController>();
  let model: Blip2 | undefined;
  let called: Methods | undefined;
  let last: Promise<unknown> = Promise.resolve();

  /** Runs what a call asks for when those before it have ended. */
  async function run<T>(id: number, work: (context: CallContext) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    running.set(id, controller);
    const { signal } = controller;
    const emit = (name: string, value: unknown): void => void page.event.asEvent(id, name, value);
    const result = last.then(() => {
      signal.throwIfAborted();
      return work({ signal, emit });
    });
    last = result.catch(() => {});
    return result.finally(() => running.delete(id));
  }

  const page = createBirpc<PageFunctions, WorkerFunctions>(
    {
      load: (id, source, settings) =>
        run(id, async (context) => {
          if (model) throw new Error('This worker has a model already; load another one in a worker of its own.');
          const loaded = await loadModel(source, settings, context);
          model = loaded.model;
          called = methods(model);
          return loaded.info;
        }),
      call: (id, name, args) =>
        run(id, (context) => {
          if (!called) throw new Error('This worker has no model yet; load one first.');
          return (called[name] as AnyMethod)(context, ...args);
        }),
      cancel: (id) => running.get(id)?.abort(),
    },
    channelOf(endpoint),
  );

  const dispose = (): void => {
    for (const controller of running.values()) controller.abort();
    page.$close();
    void last.then(() => model?.dispose());
  };
  return { dispose, [Symbol.dispose]: dispose };
}
