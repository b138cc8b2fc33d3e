import { sampler } from '@blip2/trainer';

/** What batches are made of. */
export interface Source<B> {
  readonly count: number;
  /** Of an example: those of about one size share a batch. Default: any do. */
  readonly size?: (index: number) => number;
  batch(places: number[]): B;
}

/** Of the batches that are asked for in turn, the one at each place. */
export type Turns<B> = (turn: number) => B;

/** Batches of a source in a seeded order, without an end. The source is not asked before the first. */
export function turns<B>(source: Source<B>, { batch, seed }: { batch: number; seed: number }): Turns<B> {
  const { count, size } = source;
  let next: ((turn: number) => number[]) | undefined;
  return (turn) => {
    next ??= sampler({ count, batchSize: batch, seed, ...(size ? { size } : {}) });
    return source.batch(next(turn));
  };
}

/** Whole batches of `first` and of `second`, `share` of them (0 to 1) of `second`: a function of the position alone. */
export function mixture<A, B>(first: Turns<A>, second: Turns<B>, share: number): Turns<A | B> {
  const before = (position: number): number => Math.floor(position * share);
  return (position) =>
    before(position + 1) > before(position) ? second(before(position)) : first(position - before(position));
}
