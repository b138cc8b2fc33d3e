import type { LoadProgress } from '@blip2/models';
import { filesByPath } from '@blip2/tensor/files';
import type { Endpoint } from '../protocol.js';
import type { LoadSettings, SentSource } from '../worker/source.js';
import { Connection } from './connection.js';
import { type WebModel, webModel } from './web-model.js';

/**
 * What a page loads a model from: a name on the Hugging Face hub; the address of a model's folder, relative ones to the page; the files of
 * an `<input type="file" webkitdirectory>`; a directory that the page was given; or a folder's files by path, as `train` gives them.
 */
export type ModelSource = string | URL | Iterable<File> | FileSystemDirectoryHandle | Readonly<Record<string, Blob>>;

/** Options of `fromPretrained` in a page. */
export interface WebOptions extends LoadSettings {
  /**
   * The worker, or one end of a `MessageChannel` to it; it becomes the model's. Default: a new worker with the script of this
   * package, which vite and webpack bundle.
   */
  readonly worker?: Worker | MessagePort | undefined;
  /** Called with the bytes that are downloaded so far. */
  readonly onDownload?: ((progress: LoadProgress) => void) | undefined;
  /** Called with messages for the user, such as that the model is kept in memory because the storage is too small. */
  readonly onNote?: ((text: string) => void) | undefined;
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
 * @param source Default: the starter model
 * @returns a proxy of the model; `terminate` ends the worker
 * @throws what loading throws in the worker, with the same message, and where the worker cannot be started
 */
export async function fromPretrained(source?: ModelSource, options: WebOptions = {}): Promise<WebModel> {
  const { worker = startWorker(), onDownload, onNote, onProgress, signal, starter, ...rest } = options;
  const settings = { ...rest, ...(starter !== undefined && { starter: absolute(starter) }) };
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
    const info = await connection.load(source === undefined ? undefined : sentSource(source), settings, {
      signal,
      on: { download: onDownload, note: onNote, progress: onProgress },
    });
    return webModel(connection, info, () => end(new Error('The worker of the model was terminated.')));
  } catch (error) {
    end(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

const absolute = (address: string | URL): string => new URL(address, globalThis.document?.baseURI).href;

/** A source as it is sent: a hub name as it is, other addresses made absolute, files with their paths. */
function sentSource(source: ModelSource): SentSource {
  if (typeof source === 'string') return /^(\.{0,2}\/|[a-z]+:)/i.test(source) ? absolute(source) : source;
  if (source instanceof URL) return source.href;
  if (Symbol.iterator in source) return { files: filesByPath(source as Iterable<File>) };
  if (isDirectory(source)) return { directory: source };
  return { files: Object.entries(source) };
}

const isDirectory = (source: object): source is FileSystemDirectoryHandle =>
  'getFileHandle' in source && typeof source.getFileHandle === 'function';
