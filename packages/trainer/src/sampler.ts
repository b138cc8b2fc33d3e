import { hash, type Rng, rng } from '@blip2/tensor';

export interface SamplerOptions {
  /** Number of examples. */
  readonly count: number;
  readonly batchSize: number;
  readonly seed: number;
  /** Examples of about the same size share a batch, so that little of it is padding: a text's number of tokens. */
  readonly size?: (index: number) => number;
}

/** Of so many batches together, examples are put in the order of their size. */
const POOL = 8;

/**
 * Which examples the batch at a position holds: every epoch is a new shuffle of all examples, its last incomplete batch
 * dropped. A pure function of seed and position, so that a resumed run sees what the other would have seen.
 * @throws when not one batch fits
 */
export function sampler({ count, batchSize, seed, size }: SamplerOptions): (position: number) => number[] {
  const perEpoch = Math.floor(count / batchSize);
  if (!(batchSize >= 1 && perEpoch >= 1)) {
    throw new Error(`${count} examples do not fill a batch of ${batchSize}; choose a smaller batch.`);
  }
  let current = { epoch: -1, order: [] as number[] };
  return (position) => {
    const epoch = Math.floor(position / perEpoch);
    if (epoch !== current.epoch) {
      const order = shuffled(range(count), rng(hash(seed, `epoch ${epoch}`)));
      current = { epoch, order: size ? bySize(order, { batchSize, size, seed: hash(seed, `sizes ${epoch}`) }) : order };
    }
    const first = (position % perEpoch) * batchSize;
    return current.order.slice(first, first + batchSize);
  };
}

/** Sorts within every `POOL` batches, then puts the whole batches in a random order again. */
function bySize(
  order: readonly number[],
  { batchSize, size, seed }: { batchSize: number; size: (index: number) => number; seed: number },
): number[] {
  const batches: number[][] = [];
  for (let start = 0; start < order.length; start += POOL * batchSize) {
    const pool = order.slice(start, start + POOL * batchSize).sort((a, b) => size(a) - size(b));
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
