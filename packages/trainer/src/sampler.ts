import { hash, type Rng, rng } from '@blip2/tensor';

/** Options of `sampler`. */
export interface SamplerOptions {
  /** Number of samples. */
  readonly count: number;
  /** Samples per batch. */
  readonly batchSize: number;
  /** Random seed of the order. */
  readonly seed: number;
  /** Length of a sample, such as its number of tokens: samples of similar length share a batch, to reduce padding. */
  readonly lengthOf?: (index: number) => number;
}

/** Number of batches within which samples are sorted by length. */
const POOL = 8;

/**
 * Creates a batch sampler: every epoch shuffles all samples anew and drops the last incomplete batch. The samples of a batch
 * depend on seed and position only, so that a resumed run continues the same order.
 * @returns a function from the position of a batch to the indices of its samples
 * @throws when there are fewer samples than a batch needs
 */
export function sampler({ count, batchSize, seed, lengthOf }: SamplerOptions): (position: number) => number[] {
  const perEpoch = Math.floor(count / batchSize);
  if (!(batchSize >= 1 && perEpoch >= 1)) {
    throw new Error(`${count} samples do not fill a batch of ${batchSize}; choose a smaller batch.`);
  }
  let current = { epoch: -1, order: [] as number[] };
  return (position) => {
    const epoch = Math.floor(position / perEpoch);
    if (epoch !== current.epoch) {
      const order = shuffled(range(count), rng(hash(seed, `epoch ${epoch}`)));
      current = {
        epoch,
        order: lengthOf ? byLength(order, { batchSize, lengthOf, seed: hash(seed, `sizes ${epoch}`) }) : order,
      };
    }
    const first = (position % perEpoch) * batchSize;
    return current.order.slice(first, first + batchSize);
  };
}

/** Sorts by length within every `POOL` batches, then shuffles the batches. */
function byLength(
  order: readonly number[],
  { batchSize, lengthOf, seed }: { batchSize: number; lengthOf: (index: number) => number; seed: number },
): number[] {
  const batches: number[][] = [];
  for (let start = 0; start < order.length; start += POOL * batchSize) {
    const pool = order.slice(start, start + POOL * batchSize).sort((a, b) => lengthOf(a) - lengthOf(b));
    for (let i = 0; i + batchSize <= pool.length; i += batchSize) batches.push(pool.slice(i, i + batchSize));
  }
  return shuffled(batches, rng(seed)).flat();
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Fisher-Yates. */
function shuffled<T>(items: readonly T[], random: Rng): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] as T, order[i] as T];
  }
  return order;
}
