import { type BirpcReturn, createBirpc } from 'birpc';
import { channelOf } from '../channel.js';
import type { ArgumentsOf, Endpoint, MethodName, PageFunctions, ResultOf, WorkerFunctions } from '../protocol.js';

/** How a call can be stopped and followed. */
export interface CallOptions {
  /** Stops the call: it throws the signal's reason at once, and the worker stops at its next token, image or step. */
  readonly signal?: AbortSignal | undefined;
  /** Listeners of the call's events, by their names. */
  readonly on?: Readonly<Record<string, ((value: never) => void) | undefined>>;
}

/** Calls of a page to a worker, each with its events and its signal. */
export class Connection {
  readonly #rpc: BirpcReturn<WorkerFunctions, PageFunctions>;
  readonly #listeners = new Map<number, NonNullable<CallOptions['on']>>();
  #next = 0;
  #closed: Error | undefined;

  constructor(endpoint: Endpoint) {
    this.#rpc = createBirpc<WorkerFunctions, PageFunctions>(
      {
        event: (id, name, value) =>
          (this.#listeners.get(id)?.[name] as ((value: unknown) => void) | undefined)?.(value),
      },
      channelOf(endpoint),
    );
  }

  /** Loads the model of the worker. */
  load(
    source: Parameters<WorkerFunctions['load']>[1],
    settings: Parameters<WorkerFunctions['load']>[2],
    options: CallOptions,
  ) {
    return this.#run(options, (id) => this.#rpc.load(id, source, settings));
  }

  /** Calls a method of the loaded model. */
  call<Name extends MethodName>(
    name: Name,
    args: ArgumentsOf<Name>,
    options: CallOptions = {},
  ): Promise<ResultOf<Name>> {
    return this.#run(options, (id) => this.#rpc.call(id, name, args) as Promise<ResultOf<Name>>);
  }

  /** Ends all calls, and those that are made later, with an error. */
  close(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    this.#rpc.$close(error);
    this.#listeners.clear();
  }

  async #run<T>({ signal, on = {} }: CallOptions, send: (id: number) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    if (this.#closed) throw this.#closed;
    const id = this.#next++;
    this.#listeners.set(id, on);
    let cancel: (() => void) | undefined;
    const aborted = new Promise<never>((_, reject) => {
      cancel = () => {
        if (!this.#closed) void this.#rpc.cancel.asEvent(id);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', cancel, { once: true });
    });
    try {
      return await Promise.race([send(id), aborted]);
    } finally {
      if (cancel) signal?.removeEventListener('abort', cancel);
      this.#listeners.delete(id);
    }
  }
}
