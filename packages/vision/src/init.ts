import { gaussian, type Initializer, type Rng, sizeOf } from '@blip2/tensor';

/** Initializes from N(0, std²) truncated at two standard deviations. */
export function truncatedNormal(std: number): Initializer {
  return (shape, random) => Float32Array.from({ length: sizeOf(shape) }, () => std * within(2, random));
}

function within(bound: number, random: Rng): number {
  let z = gaussian(random);
  while (Math.abs(z) > bound) z = gaussian(random);
  return z;
}
