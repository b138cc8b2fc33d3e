import { type Rng, rng } from '@blip2/tensor';

/**
 * Yields items in an order drawn through a buffer: each that comes takes the place of a random one, which goes; at the end the
 * rest goes in random order.
 */
export async function* shuffled<T>(
  items: AsyncIterable<T>,
  { seed, size }: { seed: number; size: number },
): AsyncGenerator<T> {
  const random: Rng = rng(seed);
  const buffer: T[] = [];
  const draw = (): number => Math.floor(random() * buffer.length);
  for await (const item of items) {
    if (buffer.length < size) {
      buffer.push(item);
      continue;
    }
    const at = draw();
    const out = buffer[at]!;
    buffer[at] = item;
    yield out;
  }
  while (buffer.length > 0) {
    const at = draw();
    const out = buffer[at]!;
    buffer[at] = buffer.at(-1)!;
    buffer.pop();
    yield out;
  }
}
