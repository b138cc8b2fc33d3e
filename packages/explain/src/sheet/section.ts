import type { DecodedImage } from '@blip2/data';
import { heatColors } from '@blip2/report';
import type { PatchMaps } from '../attention.js';
import { type HeatScale, heatScale, paintMap, type RelativeMap } from './heat-scale.js';
import { DENSITY, embeddedImage, sized, sizeWithin } from './images.js';
import { type Block, CONTENT, color, text } from './style.js';
import { element } from './svg.js';
import type { Typeface } from './typeface.js';

/** A heat map with its caption. */
export interface Tile {
  readonly map: RelativeMap;
  readonly label: string;
  readonly value: string;
  /** A bar under the label, 0 to 1. */
  readonly share?: number;
}

/** Heat maps of one kind, which share a color scale. */
export interface Section {
  readonly title: string;
  readonly description: readonly string[];
  readonly columns: number;
  readonly maps: PatchMaps;
  /** What the color bar shows. */
  readonly unit: string;
  readonly tiles: readonly Tile[];
}

/** Space between tiles. */
const GAP = 16;

/** The heading, the color bar and the tiles of a section. */
export async function drawSection(
  { title, description, columns, maps, unit, tiles }: Section,
  image: DecodedImage,
  face: Typeface,
): Promise<Block> {
  const scale = heatScale(tiles.map(({ map }) => map));
  const parts = [
    element('rect', { width: CONTENT, height: 1, fill: color.line }),
    face.line(title, text.section, { x: 0, y: 38, maxWidth: CONTENT - BAR - 40 }),
    ...description.map((line, i) => face.line(line, text.body, { x: 0, y: 62 + 19 * i, maxWidth: CONTENT - BAR - 40 })),
    element('g', { transform: `translate(${CONTENT - BAR} 26)` }, colorBar(scale, unit, face)),
  ];
  const top = 62 + 19 * description.length + 10;
  const side = (CONTENT - (columns - 1) * GAP) / columns;
  const [width, height] = sizeWithin(image, side, 1.5 * side);
  const small = sized(image, { width: width * DENSITY, height: height * DENSITY });
  const labelled = tiles.some(({ share }) => share !== undefined) ? 36 : 26;
  for (const [i, tile] of tiles.entries()) {
    const [x, y] = [(i % columns) * (side + GAP), top + Math.floor(i / columns) * (height + labelled + GAP)];
    const painted = paintMap(small, tile.map, { ...maps, scale });
    const drawn = (await embeddedImage(painted, { width, height })) + caption(tile, { y: height, width: side }, face);
    parts.push(element('g', { transform: `translate(${Math.round(x * 100) / 100} ${Math.round(y)})` }, drawn));
  }
  const rows = Math.ceil(tiles.length / columns);
  return { svg: parts.join(''), height: top + rows * (height + labelled + GAP) - GAP };
}

/** The label and the value of a tile, and the bar of a share. */
function caption(
  { label, value, share }: Tile,
  { y, width }: { readonly y: number; readonly width: number },
  face: Typeface,
): string {
  const room = width - face.width(value, text.value) - 8;
  const bar = { y: y + 28, height: 4, rx: 2 };
  return [
    face.line(label, text.label, { x: 0, y: y + 19, maxWidth: room }),
    face.line(value, text.value, { x: width, y: y + 19, align: 'right' }),
    ...(share === undefined
      ? []
      : [
          element('rect', { ...bar, width, fill: color.line }),
          element('rect', { ...bar, width: Math.max(0, Math.min(1, share)) * width, fill: color.bar }),
        ]),
  ].join('');
}

/** Length of a color bar. */
const BAR = 240;

function colorBar({ ticks, at }: HeatScale, unit: string, face: Typeface): string {
  const labels = ticks.map((tick, i) => {
    const x = BAR * at(tick);
    const align = i === 0 ? 'left' : i === ticks.length - 1 ? 'right' : 'center';
    return (
      element('rect', { x: Math.min(BAR - 1, Math.max(0, x - 0.5)), y: 24, width: 1, height: 4, fill: color.soft }) +
      face.line(`${tick}×`, text.value, { x, y: 42, align })
    );
  });
  return [
    face.line(unit, text.value, { x: 0, y: 2 }),
    element('rect', { y: 10, width: BAR, height: 14, rx: 2, fill: 'url(#heat)', stroke: color.line }),
    ...labels,
  ].join('');
}

/** The gradient that color bars are filled with. */
export function colorGradient(): string {
  const stops = heatColors.map((rgb, i) =>
    element('stop', { offset: i / (heatColors.length - 1), 'stop-color': `rgb(${rgb.join(',')})` }),
  );
  return element('linearGradient', { id: 'heat' }, stops.join(''));
}
