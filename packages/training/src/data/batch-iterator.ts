import { sampler } from '@blip2/trainer';

/** A data set from which batches are collated. */
export interface BatchSource<B> {
  /** Number of examples. */
  readonly count: number;
  /** Gives the length of an example; examples of similar length share a batch. Default: all are alike. */
  readonly lengthOf?: (index: number) => number;
  /** Collates the examples at these indices. */
  batch(indices: number[]): B;
}

/** Gives the batch at a position of a sequence without end. */
export type BatchAt<B> = (position: number) => B;

/**
 * Gives batches of a data set in an order that is shuffled anew in each epoch, without end. Nothing is drawn before the first
 * batch.
 */
export function batchIterator<B>(
  source: BatchSource<B>,
  { batchSize, seed }: { batchSize: number; seed: number },
): BatchAt<B> {
  const { count, lengthOf } = source;
  let next: ((position: number) => number[]) | undefined;
  return (position) => {
    next ??= sampler({ count, batchSize, seed, ...(lengthOf ? { lengthOf } : {}) });
    return source.batch(next(position));
  };
}

/** Mixes two sequences of batches, a share of 0 to 1 of them from `second`; a function of the position alone. */
export function mixBatches<A, B>(first: BatchAt<A>, second: BatchAt<B>, share: number): BatchAt<A | B> {
  const before = (position: number): number => Math.floor(position * share);
  return (position) =>
    before(position + 1) > before(position) ? second(before(position)) : first(position - before(position));
}
