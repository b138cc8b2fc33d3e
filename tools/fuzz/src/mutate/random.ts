import { type Rng, rng } from '@blip2/tensor';

/** Choices of a mutation, the same for the same seed. */
export interface Random {
  /** From 0 to `below - 1`. */
  int(below: number): number;
  pick<T>(items: readonly T[]): T;
  chance(probability: number): boolean;
}

export function random(seed: number): Random {
  const next: Rng = rng(seed);
  const int = (below: number): number => Math.floor(next() * below);
  return { int, pick: (items) => items[int(items.length)] as (typeof items)[number], chance: (p) => next() < p };
}
