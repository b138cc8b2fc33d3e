import { sampler } from '@blip2/trainer';

/** What batches are made of. */
export interface BatchSource<B> {
  readonly count: number;
  /** Of an example: those of about one size share a batch. Default: any do. */
  readonly size?: (index: number) => number;
  batch(places: number[]): B;
}

/** Of the batches that are asked for in turn, the one at each place. */
export type BatchAt<B> = (turn: number) => B;

/** Batches of a source in a seeded order, without an end. The source is not asked before the first. */
export function batchIterator<B>(
  source: BatchSource<B>,
  { batchSize, seed }: { batchSize: number; seed: number },
): BatchAt<B> {
  const { count, size } = source;
  let next: ((turn: number) => number[]) | undefined;
  return (turn) => {
    next ??= sampler({ count, batchSize, seed, ...(size ? { size } : {}) });
    return source.batch(next(turn));
  };
}

/** Whole batches of `first` and of `second`, `share` of them (0 to 1) of `second`: a function of the position alone. */
export function mixBatches<A, B>(first: BatchAt<A>, second: BatchAt<B>, share: number): BatchAt<A | B> {
  const before = (position: number): number => Math.floor(position * share);
  return (position) =>
    before(position + 1) > before(position) ? second(before(position)) : first(position - before(position));
}
