import { type DecodedImage, pngDataUrl, resize } from '@blip2/data';
import { type Html, html, raw } from './html.js';

/** Creates an `img` element with an embedded image. */
export type ImageMaker = (image: DecodedImage, alt: string, className?: string) => Html;

/** The size of an image scaled down to fit into a square. */
function fittedSize({ width, height }: DecodedImage, side: number): [width: number, height: number] {
  const scale = Math.min(1, side / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** Scales an image down so that no side is longer than `side` pixels; the aspect ratio is kept. */
export function fit(image: DecodedImage, side: number): DecodedImage {
  const [width, height] = fittedSize(image, side);
  return width === image.width && height === image.height ? image : resize(image, width, height);
}

/** Creates `img` elements with PNG data URLs of at most `side` pixels per side; each image is encoded once, when the page is written. */
export function imageMaker(side: number): ImageMaker {
  const urls = new Map<DecodedImage, Promise<string>>();
  return (image, alt, className) => {
    const [width, height] = fittedSize(image, side);
    const source = () => {
      const url = urls.get(image) ?? pngDataUrl(fit(image, side));
      urls.set(image, url);
      return url;
    };
    const named = className === undefined ? '' : html` class="${className}"`;
    return html`<img${named} src="${raw(source)}" width="${width}" height="${height}" alt="${alt}">`;
  };
}
