import { encodePng, type Picture, resize } from '@blip2/data';
import { type Html, html, raw } from './html.js';

/** `img` elements that hold their pictures. */
export type ImageMaker = (picture: Picture, alt: string, className?: string) => Html;

/** Sides of a picture made to fit into a square, never larger than it is. */
function fittedSize({ width, height }: Picture, side: number): [width: number, height: number] {
  const scale = Math.min(1, side / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** The picture, smaller where a side is longer than `side`; its shape stays. */
export function fit(picture: Picture, side: number): Picture {
  const [width, height] = fittedSize(picture, side);
  return width === picture.width && height === picture.height ? picture : resize(picture, width, height);
}

async function dataUrl(picture: Picture): Promise<string> {
  return `data:image/png;base64,${Buffer.from(await encodePng(picture)).toString('base64')}`;
}

/** Pictures as PNG data URLs of at most `side` pixels a side, each encoded once and not before the page is written. */
export function imageMaker(side: number): ImageMaker {
  const urls = new Map<Picture, Promise<string>>();
  return (picture, alt, className) => {
    const [width, height] = fittedSize(picture, side);
    const source = () => {
      const url = urls.get(picture) ?? dataUrl(fit(picture, side));
      urls.set(picture, url);
      return url;
    };
    const named = className === undefined ? '' : html` class="${className}"`;
    return html`<img${named} src="${raw(source)}" width="${width}" height="${height}" alt="${alt}">`;
  };
}
