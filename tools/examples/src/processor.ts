import type { Processor } from '@blip2/data';

/** How these examples turn images into pixels: 32×32, with values from -1 to 1. */
export const processor: Processor = {
  size: { width: 32, height: 32 },
  filter: 'bicubic',
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
  rescale: 1 / 255,
};
