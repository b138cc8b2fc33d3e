import type { ImageTextDataset, ImageTextItem, SkippedItem } from '@blip2/data';
import { hash } from '@blip2/tensor';

/** The items of a data set, and what was left out of it. */
export interface Collected {
  readonly items: readonly ImageTextItem[];
  readonly skipped: readonly SkippedItem[];
}

/** Lists the items of a data set in its order: their texts, not their images. */
export async function collect(dataset: ImageTextDataset, signal?: AbortSignal): Promise<Collected> {
  const items: ImageTextItem[] = [];
  const skipped: SkippedItem[] = [];
  const options = { onSkip: (one: SkippedItem) => skipped.push(one), ...(signal && { signal }) };
  for await (const item of dataset.items(options)) items.push(item);
  return { items, skipped };
}

/** Data sets below this size have no validation split unless one is asked for: it would be too small to say anything. */
const LARGE = 200;
const SHARE = 0.05;

/**
 * Holds a share of the items out of training, as a function of the seed and of the items' ids. Both parts keep the order.
 * @param share from 0 to below 1; null: 0.05 of 200 items or more, else none
 */
export function split(
  items: readonly ImageTextItem[],
  { share, seed }: { readonly share: number | null; readonly seed: number },
): { readonly train: readonly ImageTextItem[]; readonly held: readonly ImageTextItem[] } {
  const wanted = share ?? (items.length >= LARGE ? SHARE : 0);
  const count = wanted === 0 ? 0 : Math.max(1, Math.round(wanted * items.length));
  const order = items.map((item, i) => [hash(seed, item.id), i] as const).sort(([a, i], [b, j]) => a - b || i - j);
  const held = new Set(order.slice(0, count).map(([, i]) => i));
  return { train: items.filter((_, i) => !held.has(i)), held: items.filter((_, i) => held.has(i)) };
}
