import { hash, rng } from '@blip2/tensor';

export interface SamplerOptions {
  /** Number of examples. */
  readonly count: number;
  readonly batchSize: number;
  readonly seed: number;
}

/**
 * Which examples the batch at a position holds: every epoch is a new shuffle of all examples, its last incomplete batch
 * dropped. A pure function of seed and position, so that a resumed run sees what the other would have seen.
 * @throws when not one batch fits
 */
export function sampler({ count, batchSize, seed }: SamplerOptions): (position: number) => number[] {
  const perEpoch = Math.floor(count / batchSize);
  if (!(batchSize >= 1 && perEpoch >= 1)) {
    throw new Error(`${count} examples do not fill a batch of ${batchSize}; choose a smaller batch.`);
  }
  let current = { epoch: -1, order: [] as number[] };
  return (position) => {
    const epoch = Math.floor(position / perEpoch);
    if (epoch !== current.epoch) current = { epoch, order: shuffled(count, hash(seed, `epoch ${epoch}`)) };
    const first = (position % perEpoch) * batchSize;
    return current.order.slice(first, first + batchSize);
  };
}

/** Fisher-Yates. */
function shuffled(count: number, seed: number): number[] {
  const random = rng(seed);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}
