import { fromPretrained, type ModelSource, type WebModel, type WebOptions } from '@blip2/web';

/** A model that the visitor has chosen. */
export interface Choice {
  /** What the page calls it. */
  readonly name: string;
  /** The starter model where there is none. */
  readonly source?: ModelSource | undefined;
  /** Bytes of its files, where they are known. */
  readonly bytes?: number | undefined;
  /** What it can do, in a sentence. */
  readonly about?: string | undefined;
}

/** The model that comes with the page. */
export const starter: Choice = {
  name: 'Starter',
  bytes: 18_200_000,
  about: 'It knows drawings of emoji, and scenes of them, not photographs.',
};

/** Where the page has the starter's models. */
const STARTER = new URL('starter/', document.baseURI);

/** Where loading is. */
export type LoadState =
  | { readonly kind: 'none' }
  | { readonly kind: 'loading'; readonly phase: 'downloading' | 'loading'; readonly share: number }
  | { readonly kind: 'ready'; readonly model: WebModel; readonly seconds: number }
  | { readonly kind: 'failed'; readonly message: string };

/** The model of the page, which is loaded when it is first needed. */
export class Model {
  #choice: Choice = starter;
  #state: LoadState = { kind: 'none' };
  #loading: Promise<WebModel> | undefined;
  #controller = new AbortController();
  #device: WebOptions['device'];
  #notes: string[] = [];
  readonly #listeners = new Set<() => void>();

  get choice(): Choice {
    return this.#choice;
  }

  get state(): LoadState {
    return this.#state;
  }

  /** Notes of loading, such as that the storage is too small. */
  get notes(): readonly string[] {
    return this.#notes;
  }

  /** Calls a function after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Chooses another model, and ends the worker of the one before.
   * @param device what computes. Default: WebAssembly
   */
  choose(choice: Choice, device?: WebOptions['device']): void {
    this.#device = device;
    this.#controller.abort(new Error('Another model was chosen.'));
    if (this.#state.kind === 'ready') this.#state.model.terminate();
    this.#controller = new AbortController();
    this.#choice = choice;
    this.#loading = undefined;
    this.#set({ kind: 'none' });
  }

  /** Gives the loaded model, and loads it if need be. @throws as loading does */
  get(): Promise<WebModel> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  async #load(): Promise<WebModel> {
    const { signal } = this.#controller;
    const since = performance.now();
    this.#notes = [];
    this.#set({ kind: 'loading', phase: 'loading', share: 0 });
    try {
      const show =
        (phase: 'downloading' | 'loading') =>
        ({ done, total }: { done: number; total: number }) => {
          if (!signal.aborted) this.#set({ kind: 'loading', phase, share: done / total });
        };
      const model = await fromPretrained(this.#choice.source, {
        signal,
        starter: STARTER,
        device: this.#device,
        onDownload: show('downloading'),
        onNote: (text) => this.#notes.push(text),
        onProgress: show('loading'),
      });
      this.#set({ kind: 'ready', model, seconds: (performance.now() - since) / 1000 });
      return model;
    } catch (error) {
      if (!signal.aborted) {
        this.#loading = undefined;
        this.#set({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
      }
      throw error;
    }
  }

  #set(state: LoadState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}
