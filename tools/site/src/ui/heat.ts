import { element } from './dom.js';

/** Maps over the patches of an image, as `explain` gives them. */
export interface Maps {
  readonly rows: number;
  readonly columns: number;
  /** One map after the other; each sums to one. */
  readonly values: Float32Array;
}

type Color = readonly [number, number, number];

/** White to plum, in about even steps of lightness that the color-blind can distinguish; the colors of `@blip2/report`. */
const colors: readonly Color[] = [
  [255, 255, 255],
  [255, 226, 150],
  [252, 168, 78],
  [232, 106, 62],
  [190, 52, 80],
  [128, 26, 96],
];

function colorAt(heat: number): Color {
  const at = Math.min(1, Math.max(0, heat)) * (colors.length - 1);
  const i = Math.min(colors.length - 2, Math.floor(at));
  const mix = (c: 0 | 1 | 2): number => colors[i]![c] + (at - i) * (colors[i + 1]![c] - colors[i]![c]);
  return [mix(0), mix(1), mix(2)];
}

/** Each map in multiples of a uniform one, and its peak. */
export function multiples({ rows, columns, values }: Maps): { readonly values: Float32Array; readonly peak: number }[] {
  const size = rows * columns;
  return Array.from({ length: values.length / size }, (_, i) => {
    const map = values.slice(i * size, (i + 1) * size).map((value) => value * size);
    return { values: map, peak: Math.max(...map) };
  });
}

/** The largest side of a painted image. */
const SIDE = 224;

/** Paints a map over an image in gray: white where it is uniform or less, plum at `top` times that, on a logarithmic scale. */
export function paint(
  image: CanvasImageSource & { readonly width: number; readonly height: number },
  { rows, columns }: Pick<Maps, 'rows' | 'columns'>,
  { values, top }: { readonly values: Float32Array; readonly top: number },
): HTMLCanvasElement {
  const scale = SIDE / Math.max(image.width, image.height);
  const [width, height] = [Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale))];
  const heat = element('canvas', { width: columns, height: rows });
  const cells = new ImageData(columns, rows);
  values.forEach((value, i) => {
    const color = colorAt(Math.log2(Math.max(1, value)) / Math.log2(Math.max(2, top)));
    cells.data.set([...color, 255], 4 * i);
  });
  heat.getContext('2d')!.putImageData(cells, 0, 0);
  const canvas = element('canvas', { width, height });
  const context = canvas.getContext('2d')!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.filter = 'grayscale(1) contrast(0.65) brightness(1.25)';
  context.drawImage(image, 0, 0, width, height);
  context.filter = 'none';
  context.globalCompositeOperation = 'multiply';
  context.imageSmoothingQuality = 'high';
  context.drawImage(heat, 0, 0, width, height);
  return canvas;
}
