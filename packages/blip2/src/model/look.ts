import { applyProcessor, decodePicture, type PictureSource, type Processor, toPixels } from '@blip2/data';
import type { VisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';

/** What looking needs of a model. */
export interface Looking {
  readonly vision: VisionEncoder;
  readonly processor: Processor;
}

/**
 * Pictures as the frozen encoder sees them: [B,N,D], which the caller owns.
 * @throws for a file that is missing or no picture, naming it
 */
export async function look({ vision, processor }: Looking, images: readonly PictureSource[]): Promise<tf.Tensor3D> {
  const pictures = await Promise.all(
    images.map(async (image) => applyProcessor(await decodePicture(image), processor)),
  );
  return tf.tidy(() => vision.encode(toPixels(pictures, processor)));
}

/** A picture that was looked at, to be spoken of more than once. Whoever has it disposes it. */
export interface Seen extends Disposable {
  /** [1,N,D] */
  readonly features: tf.Tensor3D;
  /** Who looked. */
  readonly vision: VisionEncoder;
  dispose(): void;
}

/** A picture as a model takes it. */
export type Image = PictureSource | Seen;

export const isSeen = (image: Image): image is Seen =>
  typeof image === 'object' && 'features' in image && 'vision' in image;

/** Looks at one picture. @throws as `look` does */
export async function see(model: Looking, image: Image): Promise<Seen> {
  const features = await featuresOf(model, [image]);
  const dispose = (): void => features.dispose();
  return { features, vision: model.vision, dispose, [Symbol.dispose]: dispose };
}

/** Looks at the pictures that were not looked at yet, and lends the features of all, [I,N,D], to `use`. */
export async function seeing<T>(
  model: Looking,
  images: readonly Image[],
  use: (features: tf.Tensor3D) => Promise<T>,
): Promise<T> {
  const features = await featuresOf(model, images);
  try {
    return await use(features);
  } finally {
    features.dispose();
  }
}

async function featuresOf(model: Looking, images: readonly Image[]): Promise<tf.Tensor3D> {
  for (const image of images) {
    if (isSeen(image) && image.vision !== model.vision)
      throw new Error('This picture was looked at by another image encoder; look at it again with this model.');
  }
  const fresh = images.filter((image): image is PictureSource => !isSeen(image));
  const looked = fresh.length > 0 ? await look(model, fresh) : undefined;
  if (looked && fresh.length === images.length) return looked;
  const rows = tf.tidy(() => {
    let next = 0;
    const rowOf = (image: Image): tf.Tensor3D =>
      isSeen(image) ? image.features : tf.slice(looked as tf.Tensor3D, [next++, 0, 0], [1, -1, -1]);
    return tf.concat(images.map(rowOf)); // [I,N,D]
  });
  looked?.dispose();
  return rows;
}
