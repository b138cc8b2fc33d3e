import type { LoadProgress } from '@blip2/models';
import type { Endpoint } from '../protocol.js';
import type { LoadSettings } from '../worker/source.js';
import { Connection } from './connection.js';
import { type WebModel, webModel } from './web-model.js';

/** What a page loads a model from: a name on the Hugging Face hub, or the address of a model's folder, relative ones to the page. */
export type ModelSource = string | URL;

/** Options of `fromPretrained` in a page. */
export interface WebOptions extends LoadSettings {
  /**
   * The worker, or one end of a `MessageChannel` to it; it becomes the model's. Default: a new worker with the script of this
   * package, which vite and webpack bundle.
   */
  readonly worker?: Worker | MessagePort | undefined;
  /** Called with the values that are loaded so far. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Stops loading and ends the worker; the call throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Starts the worker of this package; written as bundlers look for it. */
const startWorker = (): Worker =>
  new Worker(new URL('../worker.js', import.meta.url), { type: 'module', name: 'blip2' });

/**
 * Loads a BLIP-2 or InstructBLIP in a worker, so that the page stays responsive.
 * @param source a hub name or an address. Default: the starter model
 * @returns a proxy of the model; `terminate` ends the worker
 * @throws what loading throws in the worker, with the same message, and where the worker cannot be started
 */
export async function fromPretrained(source?: ModelSource, options: WebOptions = {}): Promise<WebModel> {
  const { worker = startWorker(), onProgress, signal, ...settings } = options;
  const connection = new Connection(worker as Endpoint);
  const end = (error: Error): void => {
    connection.close(error);
    if ('terminate' in worker) worker.terminate();
    else worker.close();
  };
  if ('start' in worker) worker.start();
  else
    worker.addEventListener('error', (event) => {
      end(new Error(`The worker of the model has failed (${event.message ?? 'its script could not be loaded'}).`));
    });
  try {
    const info = await connection.load(source === undefined ? undefined : addressOf(source), settings, {
      signal,
      on: { progress: onProgress },
    });
    return webModel(connection, info, () => end(new Error('The worker of the model was terminated.')));
  } catch (error) {
    end(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

/** A hub name as it is, an address relative to the page as an absolute one. */
function addressOf(source: string | URL): string {
  if (typeof source === 'string' && !/^(\.{0,2}\/|[a-z]+:)/i.test(source)) return source;
  return new URL(source, globalThis.document?.baseURI).href;
}
