import { type DecodedImage, pngDataUrl, resize } from '@blip2/data';
import { color } from './style.js';
import { element } from './svg.js';

/** Pixels of embedded images to a unit of the drawing. */
export const DENSITY = 2;

/** The largest size of an image within a rectangle. */
export function sizeWithin({ width, height }: DecodedImage, maxWidth: number, maxHeight: number): [number, number] {
  const scale = Math.min(maxWidth / width, maxHeight / height);
  return [width * scale, height * scale];
}

export function sized(image: DecodedImage, { width, height }: { width: number; height: number }): DecodedImage {
  const [w, h] = [Math.max(1, Math.round(width)), Math.max(1, Math.round(height))];
  return w === image.width && h === image.height ? image : resize(image, w, h);
}

/** An embedded image with round corners. */
export async function embeddedImage(
  image: DecodedImage,
  { width, height }: { width: number; height: number },
): Promise<string> {
  const href = await pngDataUrl(sized(image, { width: width * DENSITY, height: height * DENSITY }));
  const drawn = element('image', { width, height, preserveAspectRatio: 'none', href, 'clip-path': 'url(#round)' });
  return (
    drawn + element('rect', { width, height, rx: 0.025 * width, ry: 0.025 * height, fill: 'none', stroke: color.line })
  );
}
