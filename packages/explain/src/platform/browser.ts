import { element, escapeXml } from '../sheet/svg.js';
import { type TextStyle, type Typeface, typefaceOf, visible } from '../sheet/typeface.js';

const FAMILY = 'Inter, system-ui, sans-serif';

/** Rasterizes an SVG drawing as PNG, with so many pixels to a unit. @throws in a worker, which cannot draw SVG */
export async function rasterize(svg: string, density: number): Promise<Uint8Array> {
  if (typeof document === 'undefined') {
    throw new Error('A worker cannot draw SVG as PNG; write the sheet as .svg, or call this in the page.');
  }
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = new OffscreenCanvas(density * image.naturalWidth, density * image.naturalHeight);
    canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
    const png = await canvas.convertToBlob({ type: 'image/png' });
    return new Uint8Array(await png.arrayBuffer());
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** The font of the browser, with every script that it has: text stays text. */
export async function openTypeface(_texts: readonly string[]): Promise<Typeface> {
  const context = new OffscreenCanvas(1, 1).getContext('2d')!;
  const width = (text: string, { size, weight = 400 }: TextStyle): number => {
    context.font = `${weight} ${size}px ${FAMILY}`;
    return context.measureText(visible(text).join('')).width;
  };
  return typefaceOf({
    width,
    draw(text, { size, weight = 400, fill }, { x, y }) {
      const shown = visible(text).join('');
      if (shown.trim() === '') return '';
      const font = { 'font-family': FAMILY, 'font-size': size, 'font-weight': weight };
      return element('text', { x, y, ...font, fill }, escapeXml(shown));
    },
  });
}
