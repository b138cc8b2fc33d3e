import { hash, rng } from '@blip2/tensor';

/** Things that can be fetched by number. */
export interface Dataset<T> {
  readonly length: number;
  get(index: number): T | Promise<T>;
}

/** A list as a data set. */
export function listDataset<T>(items: readonly T[]): Dataset<T> {
  return { length: items.length, get: (index) => itemAt(items, index) };
}

function itemAt<T>(items: readonly T[], index: number): T {
  if (!(index in items)) throw new RangeError(`There is no item ${index} among ${items.length}: count from zero.`);
  return items[index] as T;
}

/** A data set whose items are changed when they are fetched. */
export function mapDataset<T, U>(data: Dataset<T>, change: (item: T, index: number) => U | Promise<U>): Dataset<U> {
  return { length: data.length, get: async (index) => change(await data.get(index), index) };
}

/** The numbers below `length` in an order that depends on the seed alone (Fisher-Yates). */
export function randomPermutation(length: number, seed: number): Int32Array {
  const order = Int32Array.from({ length }, (_, i) => i);
  const random = rng(seed);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

export interface BatchOptions {
  readonly seed: number;
  /** Each epoch has an order of its own. Default 0. */
  readonly epoch?: number;
  /** Leave out the last batch where it is not full. Default true: a training step wants one shape. */
  readonly dropLast?: boolean;
}

/** The indices of each batch of one epoch: a pure function, so that a run can go on from any step. */
export function batchIndices(length: number, batch: number, options: BatchOptions): Int32Array[] {
  const { seed, epoch = 0, dropLast = true } = options;
  const count = batchesPerEpoch(length, batch, dropLast);
  const order = randomPermutation(length, hash(seed, `epoch ${epoch}`));
  return Array.from({ length: count }, (_, i) => order.slice(i * batch, (i + 1) * batch));
}

/** How many batches an epoch has. Throws where there is none. */
export function batchesPerEpoch(length: number, batch: number, dropLast = true): number {
  const count = dropLast ? Math.floor(length / batch) : Math.ceil(length / batch);
  if (!(batch >= 1) || count < 1) {
    throw new Error(`${length} items do not fill a batch of ${batch}: take a smaller batch, or keep the last one.`);
  }
  return count;
}

/** The batch of one step, counted over all epochs from zero: what {@link batchIndices} gives for its epoch. */
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
