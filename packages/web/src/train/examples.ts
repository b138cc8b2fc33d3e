import { decodeImage, type ImageSource } from '@blip2/data';
import type { LoadedModel } from '@blip2/models';
import { encodeAll, type FeatureStore } from '@blip2/training';

/** An image with the captions that a model is trained on. */
export interface TrainingExample {
  readonly image: ImageSource;
  /** At least one. */
  readonly captions: readonly string[];
}

/** @throws for too few images, and for one without a caption */
export function checkExamples(examples: readonly TrainingExample[]): void {
  if (examples.length < 2) {
    throw new Error(`Training needs at least two images with captions, and has ${examples.length}; add some.`);
  }
  const empty = examples.findIndex(({ captions }) => captions.every((caption) => caption.trim() === ''));
  if (empty >= 0) throw new Error(`Image ${empty + 1} of the training has no caption; write one, or leave it out.`);
}

/** How images are encoded. */
export interface EncodingOptions {
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Images that are decoded and encoded together. */
const TOGETHER = 8;

/** Encodes each image once by the frozen encoder of a model, in half precision. @throws for one that cannot be read */
export const encodeExamples = (
  { vision, processor, orient }: LoadedModel,
  images: readonly ImageSource[],
  { onProgress, signal }: EncodingOptions,
): Promise<FeatureStore> =>
  encodeAll(
    vision,
    { length: images.length, item: (i) => decodeImage(images[i]!, { orient }) },
    {
      processor,
      batchSize: TOGETHER,
      ...(onProgress && { onProgress }),
      ...(signal && { signal }),
    },
  );
