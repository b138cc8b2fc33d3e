import { applyProcessor, decodeImage, type ImageSource, type Processor, toPixels } from '@blip2/data';
import { encodePixels, type VisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';

/** What encoding an image needs of a model. */
export interface EncodingModel {
  readonly vision: VisionEncoder;
  readonly processor: Processor;
}

/**
 * Images as the frozen encoder sees them: [B,N,D], which the caller owns.
 * @throws for a file that is missing or no image, naming it
 */
export async function encodeImages(
  { vision, processor }: EncodingModel,
  images: readonly ImageSource[],
): Promise<tf.Tensor3D> {
  const decoded = await Promise.all(images.map(async (image) => applyProcessor(await decodeImage(image), processor)));
  const pixels = toPixels(decoded, processor);
  return encodePixels(vision, pixels).finally(() => pixels.dispose());
}

/** An image that was looked at, to be spoken of more than once. Whoever has it disposes it. */
export interface EncodedImage extends Disposable {
  /** [1,N,D] */
  readonly features: tf.Tensor3D;
  /** Who looked. */
  readonly vision: VisionEncoder;
  dispose(): void;
}

/** An image as a model takes it. */
export type ImageInput = ImageSource | EncodedImage;

export const isEncodedImage = (image: ImageInput): image is EncodedImage =>
  typeof image === 'object' && 'features' in image && 'vision' in image;

/** Looks at one image. @throws as `look` does */
export async function encodeImage(model: EncodingModel, image: ImageInput): Promise<EncodedImage> {
  const features = await featuresOf(model, [image]);
  const dispose = (): void => features.dispose();
  return { features, vision: model.vision, dispose, [Symbol.dispose]: dispose };
}

/** Looks at the images that were not looked at yet, and lends the features of all, [I,N,D], to `use`. */
export async function withEncodedImages<T>(
  model: EncodingModel,
  images: readonly ImageInput[],
  use: (features: tf.Tensor3D) => Promise<T>,
): Promise<T> {
  const features = await featuresOf(model, images);
  try {
    return await use(features);
  } finally {
    features.dispose();
  }
}

async function featuresOf(model: EncodingModel, images: readonly ImageInput[]): Promise<tf.Tensor3D> {
  for (const image of images) {
    if (isEncodedImage(image) && image.vision !== model.vision)
      throw new Error('This image was looked at by another image encoder; look at it again with this model.');
  }
  const fresh = images.filter((image): image is ImageSource => !isEncodedImage(image));
  const looked = fresh.length > 0 ? await encodeImages(model, fresh) : undefined;
  if (looked && fresh.length === images.length) return looked;
  const rows = tf.tidy(() => {
    let next = 0;
    const rowOf = (image: ImageInput): tf.Tensor3D =>
      isEncodedImage(image) ? image.features : tf.slice(looked as tf.Tensor3D, [next++, 0, 0], [1, -1, -1]);
    return tf.concat(images.map(rowOf)); // [I,N,D]
  });
  looked?.dispose();
  return rows;
}
