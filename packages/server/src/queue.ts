import { batchKey, type Outcome, type ResultOf, type Results, type Task } from './engine/task.js';
import { ApiError } from './http/errors.js';

/** Options of `add`. */
export interface AddOptions {
  /** Takes a waiting task out of the queue; stops a batch when all of its tasks were given up. */
  readonly signal: AbortSignal;
  /** Called with the pieces of a text that is streamed. */
  readonly onPiece?: (text: string) => void;
  /** Called when the task begins, with the number of tasks of its batch. */
  readonly onStart?: (batch: number) => void;
}

/** How a queue computes. */
export interface QueueOptions {
  /** Computes tasks with equal batch keys. */
  readonly run: (
    tasks: readonly Task[],
    options: { readonly signal: AbortSignal; readonly onPiece: (text: string) => void },
  ) => Promise<Outcome[]>;
  /** The most tasks that wait. */
  readonly limit: number;
  /** The most tasks of a batch. */
  readonly batch: number;
  /** Called after each batch with its number of tasks and its seconds. */
  readonly onBatch?: (tasks: number, seconds: number) => void;
}

interface Entry {
  readonly task: Task;
  readonly key: string | undefined;
  readonly options: AddOptions;
  readonly resolve: (result: Results[Task['kind']]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A bounded queue in front of a model that computes one batch at a time, in the order of the requests. A batch is the first
 * task that waits and those that wait behind it with an equal batch key: nothing waits for a batch to fill.
 */
export class TaskQueue {
  readonly #options: QueueOptions;
  #waiting: Entry[] = [];
  #running: readonly Entry[] = [];
  /** Seconds of a batch, smoothed. */
  #seconds = 1;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** The number of tasks that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The number of tasks that are computed now. */
  get running(): number {
    return this.#running.length;
  }

  /**
   * Computes a task when it is its turn.
   * @throws ApiError 429 where too many tasks wait, 400 where the task is refused; the signal's reason when it is aborted
   */
  async add<T extends Task>(task: T, options: AddOptions): Promise<ResultOf<T>> {
    options.signal.throwIfAborted();
    if (this.#waiting.length >= this.#options.limit) {
      throw new ApiError(429, `${this.#waiting.length} requests are waiting already; try again later.`, {
        code: 'queue_full',
        retryAfter: this.#retryAfter(),
      });
    }
    const { signal } = options;
    let leave = (): void => {};
    const computed = new Promise<Results[Task['kind']]>((resolve, reject) => {
      const entry: Entry = { task, key: batchKey(task), options, resolve, reject };
      leave = () => {
        this.#waiting = this.#waiting.filter((one) => one !== entry);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(entry);
      this.#pump();
    });
    return (await computed.finally(() => signal.removeEventListener('abort', leave))) as ResultOf<T>;
  }

  /** Seconds after which some of those that wait will have been computed. */
  #retryAfter(): number {
    const batches = Math.ceil(this.#waiting.length / this.#options.batch);
    return Math.min(60, Math.max(1, Math.round((batches / 2) * this.#seconds)));
  }

  #pump(): void {
    const [first] = this.#waiting;
    if (!first || this.#running.length > 0) return;
    const alike = this.#waiting.filter((one) => one === first || (first.key !== undefined && one.key === first.key));
    const batch = alike.slice(0, this.#options.batch);
    this.#waiting = this.#waiting.filter((one) => !batch.includes(one));
    this.#running = batch;
    void this.#compute(batch).finally(() => {
      this.#running = [];
      this.#pump();
    });
  }

  async #compute(batch: readonly Entry[]): Promise<void> {
    const controller = new AbortController();
    const given = (): void => {
      if (batch.every(({ options }) => options.signal.aborted))
        controller.abort(new Error('Every request was given up.'));
    };
    for (const { options } of batch) {
      options.signal.addEventListener('abort', given, { once: true });
      options.onStart?.(batch.length);
    }
    const start = performance.now();
    try {
      const onPiece = (text: string): void => batch[0]!.options.onPiece?.(text);
      const outcomes = await this.#options.run(
        batch.map(({ task }) => task),
        { signal: controller.signal, onPiece },
      );
      for (const [i, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[i]!;
        if ('result' in outcome) resolve(outcome.result);
        else reject(new ApiError(400, outcome.refused, { code: 'refused' }));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      for (const { options } of batch) options.signal.removeEventListener('abort', given);
      const seconds = (performance.now() - start) / 1000;
      this.#seconds = 0.8 * this.#seconds + 0.2 * seconds;
      this.#options.onBatch?.(batch.length, seconds);
    }
  }
}
