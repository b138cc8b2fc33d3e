import { hash, rng } from '@blip2/tensor';

/** A map-style data set as in PyTorch: items by index, from 0 to `length - 1`. */
export interface Dataset<T> {
  /** Number of items. */
  readonly length: number;
  /** Returns the item of an index. */
  get(index: number): T | Promise<T>;
}

/** Creates a data set from an array. */
export function listDataset<T>(items: readonly T[]): Dataset<T> {
  return { length: items.length, get: (index) => itemAt(items, index) };
}

function itemAt<T>(items: readonly T[], index: number): T {
  if (!(index in items)) throw new RangeError(`There is no item ${index} among ${items.length}: count from zero.`);
  return items[index] as T;
}

/** Creates a data set that applies `transform` to each item when it is fetched. */
export function mapDataset<T, U>(data: Dataset<T>, transform: (item: T, index: number) => U | Promise<U>): Dataset<U> {
  return { length: data.length, get: async (index) => transform(await data.get(index), index) };
}

/** Returns the integers from 0 to `length - 1` in a random order that depends only on the seed (Fisher-Yates). */
export function randomPermutation(length: number, seed: number): Int32Array {
  const order = Int32Array.from({ length }, (_, i) => i);
  const random = rng(seed);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Options of {@link batchIndices} and {@link batchAt}. */
export interface BatchOptions {
  /** Random seed of the order. */
  readonly seed: number;
  /** Epoch, counted from 0; each has its own order. Default 0. */
  readonly epoch?: number;
  /** Whether an incomplete last batch is dropped, as PyTorch's `drop_last`. Default true: steps keep one shape. */
  readonly dropLast?: boolean;
}

/**
 * Returns the indices of each batch of one epoch in shuffled order. A pure function, so that training can resume at any
 * step.
 * @throws Error where there is no batch
 */
export function batchIndices(length: number, batch: number, options: BatchOptions): Int32Array[] {
  const { seed, epoch = 0, dropLast = true } = options;
  const count = batchesPerEpoch(length, batch, dropLast);
  const order = randomPermutation(length, hash(seed, `epoch ${epoch}`));
  return Array.from({ length: count }, (_, i) => order.slice(i * batch, (i + 1) * batch));
}

/**
 * Returns the number of batches in an epoch.
 * @throws Error where it is zero
 */
export function batchesPerEpoch(length: number, batch: number, dropLast = true): number {
  const count = dropLast ? Math.floor(length / batch) : Math.ceil(length / batch);
  if (!(batch >= 1) || count < 1) {
    throw new Error(
      `${length} items do not fill a batch of ${batch}: use a smaller batch size, or set dropLast to false.`,
    );
  }
  return count;
}

/**
 * Returns the batch of one training step, counted over all epochs from 0, with its epoch and its position therein.
 * @throws Error where an epoch has no batch
 */
export function batchAt(
  length: number,
  batch: number,
  options: Omit<BatchOptions, 'epoch'> & { readonly step: number },
) {
  const count = batchesPerEpoch(length, batch, options.dropLast);
  const epoch = Math.floor(options.step / count);
  const position = options.step % count;
  return { epoch, position, indices: batchIndices(length, batch, { ...options, epoch })[position]! };
}
