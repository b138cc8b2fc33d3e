import { applyProcessor, decodePicture, type PictureSource, type Processor, toPixels } from '@blip2/data';
import type { VisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';

/**
 * Pictures as the frozen encoder sees them: [B,N,D], which the caller owns.
 * @throws for a file that is missing or no picture, naming it
 */
export async function look(
  { vision, processor }: { vision: VisionEncoder; processor: Processor },
  images: readonly PictureSource[],
): Promise<tf.Tensor3D> {
  const pictures = await Promise.all(
    images.map(async (image) => applyProcessor(await decodePicture(image), processor)),
  );
  return tf.tidy(() => vision.encode(toPixels(pictures, processor)));
}
