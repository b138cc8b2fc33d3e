import { toIdTensors } from '@blip2/data';
import { sampler } from '@blip2/trainer';
import * as tf from '@tensorflow/tfjs';
import type { PairBatch } from '../stages/stage1.js';
import type { FeatureStore } from './features.js';
import { type PairOptions, paddedTexts } from './texts.js';

/** Pictures that were looked at, each with something that is said of it. */
export interface Pairs {
  readonly features: FeatureStore;
  text(index: number): string;
  /** Equal for pairs that show and say the same. */
  same(index: number): number;
}

/** Some pairs as tensors; the caller owns them. Texts are padded to the longest of the batch. */
export async function pairBatch(pairs: Pairs, places: readonly number[], options: PairOptions): Promise<PairBatch> {
  const texts = paddedTexts(
    places.map((place) => pairs.text(place)),
    options,
  );
  const same = places.map((place) => pairs.same(place));
  const features = await pairs.features.gather(places); // what can fail comes before the first tensor
  return { features, same: tf.tensor1d(same, 'int32'), ...toIdTensors(texts) };
}

export interface MixtureOptions {
  readonly batch: number;
  readonly seed: number;
  /** Of `second` among all batches, 0 to 1. */
  readonly share: number;
}

/** What batches are made of. */
interface Source<B> {
  readonly count: number;
  /** Of an example: those of about one size share a batch. Default: any do. */
  readonly size?: (index: number) => number;
  batch(places: number[]): B;
}

/** Whole batches of `first` and of `second` in turn, `share` of them of `second`: a function of the position alone. */
export function mixture<A, B>(
  first: Source<A>,
  second: Source<B>,
  { batch, seed, share }: MixtureOptions,
): (position: number) => A | B {
  const of = ({ count, size }: Source<A | B>) => sampler({ count, batchSize: batch, seed, ...(size ? { size } : {}) });
  const [firsts, seconds] = [share < 1 ? of(first) : undefined, share > 0 ? of(second) : undefined];
  const before = (position: number): number => Math.floor(position * share);
  return (position) => {
    const turn = before(position + 1) > before(position);
    if (turn && seconds) return second.batch(seconds(before(position)));
    return first.batch((firsts as (at: number) => number[])(position - before(position)));
  };
}
