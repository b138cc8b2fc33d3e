import { applyProcessor, decodeImage, type ImageSource, type Processor, toPixels } from '@blip2/data';
import { encodePixels, type VisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';

/** The parts of a model that encode images: the image encoder, and how images are preprocessed for it. */
export interface EncodingModel {
  readonly vision: VisionEncoder;
  readonly processor: Processor;
  /** Whether the EXIF orientation of images is applied; see `DecodeOptions` of `@blip2/data`. Default true. */
  readonly orient?: boolean | undefined;
}

/**
 * Decodes, preprocesses and encodes images with a frozen image encoder.
 * @returns features [B,N,D], which the caller disposes
 * @throws for a file that is missing or is not an image, naming it
 */
export async function encodeImages(
  { vision, processor, orient }: EncodingModel,
  images: readonly ImageSource[],
): Promise<tf.Tensor3D> {
  const prepare = async (image: ImageSource) => applyProcessor(await decodeImage(image, { orient }), processor);
  const decoded = await Promise.all(images.map(prepare));
  const pixels = toPixels(decoded, processor);
  return encodePixels(vision, pixels).finally(() => pixels.dispose());
}

/** An image encoded once, for use in several calls. The caller of `encodeImage` disposes it. */
export interface EncodedImage extends Disposable {
  /** The features of the image encoder, [1,N,D]. */
  readonly features: tf.Tensor3D;
  /** The image encoder that computed the features; models with another encoder refuse them. */
  readonly vision: VisionEncoder;
  /** Disposes the features. */
  dispose(): void;
}

/** An image as a model takes it: anything that `decodeImage` takes, or an image that was encoded before. */
export type ImageInput = ImageSource | EncodedImage;

/** Whether an input is an image that was encoded before. */
export const isEncodedImage = (image: ImageInput): image is EncodedImage =>
  typeof image === 'object' && 'features' in image && 'vision' in image;

/**
 * Encodes one image for use in several calls.
 * @returns the features, which the caller disposes
 * @throws for a file that is missing or is not an image, and for an image that another encoder encoded
 */
export async function encodeImage(model: EncodingModel, image: ImageInput): Promise<EncodedImage> {
  const features = await featuresOf(model, [image]);
  const dispose = (): void => features.dispose();
  return { features, vision: model.vision, dispose, [Symbol.dispose]: dispose };
}

/** Encodes the images that are not encoded yet, and lends the features of all, [I,N,D], to `use`; they are disposed afterwards. */
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
      throw new Error('This image was encoded by another image encoder; encode it again with this model.');
  }
  const fresh = images.filter((image): image is ImageSource => !isEncodedImage(image));
  const encoded = fresh.length > 0 ? await encodeImages(model, fresh) : undefined;
  if (encoded && fresh.length === images.length) return encoded;
  const rows = tf.tidy(() => {
    let next = 0;
    const rowOf = (image: ImageInput): tf.Tensor3D =>
      isEncodedImage(image) ? image.features : tf.slice(encoded as tf.Tensor3D, [next++, 0, 0], [1, -1, -1]);
    return tf.concat(images.map(rowOf)); // [I,N,D]
  });
  encoded?.dispose();
  return rows;
}
