import type { ImageTextItem, Processor, SkippedItem } from '@blip2/data';
import type { DataContext } from '@blip2/runs';
import type { ImageTextDataConfig } from './config.js';
import { type ImagePlan, squareSize } from './decode-job.js';
import { decodePool, defaultWorkers } from './decode-pool.js';
import { type ImageFeatures, openFeatures } from './features.js';

/** Images that can be used, with their features of the frozen encoder. */
export interface OpenImages {
  readonly items: readonly ImageTextItem[];
  readonly skipped: readonly SkippedItem[];
  readonly features: ImageFeatures;
  close(): Promise<void>;
}

/** Options of `openImages`. */
export interface OpenOptions {
  /** The name of the data set. */
  readonly name: string;
  /** Identifies the items, for features on disk. */
  readonly identity: unknown;
  readonly orient: boolean;
  /** Threads that decode. Default: the cores but one, at most 4, and none for few images. */
  readonly workers?: number | undefined;
  readonly seed: number;
  /** How images are augmented and cached. */
  readonly data: Pick<ImageTextDataConfig, 'augment' | 'views' | 'flip' | 'featureCache'>;
  /** Whether batches are of pixels. Default false. */
  readonly pixels?: boolean;
}

/** How images are read that are not trained on. */
export const plainImages = { augment: 'none', views: 1, flip: 0, featureCache: true } as const;

/** Starting threads for fewer images takes longer than decoding them. */
const FEW = 256;

/** Reads the images of items: encodes them, or finds out which can be decoded. */
export async function openImages(
  items: readonly ImageTextItem[],
  { name, identity, orient, workers, seed, data, pixels }: OpenOptions,
  { encoder: { vision, fingerprint }, reporter, signal }: DataContext,
): Promise<OpenImages> {
  const { augment, featureCache: cached } = data;
  const views = cached && augment !== 'none' ? data.views : 1;
  const few = cached && items.length * views < FEW;
  const pool = decodePool(workers ?? (few ? 0 : defaultWorkers()));
  const plan: ImagePlan = {
    processor: resizing(vision.processor),
    orient,
    train: trainTransform(vision.processor, data),
  };
  const options = { name, identity, plan, pool, views, seed, cached, pixels, vision, fingerprint, reporter, signal };
  try {
    const features = await openFeatures(items, options);
    if (cached) await pool.close();
    return {
      items: features.kept.map((index) => items[index] as ImageTextItem),
      skipped: features.skipped,
      features,
      async close() {
        await features.close();
        await pool.close();
      },
    };
  } catch (error) {
    await pool.close();
    throw error;
  }
}

const resizing = ({ size, crop, filter }: Processor): ImagePlan['processor'] => ({
  ...(size && { size }),
  ...(crop && { crop }),
  filter,
});

function trainTransform(processor: Processor, { augment, flip }: OpenOptions['data']): ImagePlan['train'] {
  if (augment === 'none') return undefined;
  const { filter } = processor;
  return { size: squareSize(processor), filter, flip, ...(augment === 'randaugment' && { augment: {} }) };
}
