import { type DecodedImage, resize } from '@blip2/data';
import { fit, paintHeat, queryMaps, times } from '@blip2/report';
import type { PatchMaps } from './attention.js';
import { LINE, paper, put, write } from './canvas.js';
import type { WordMaps } from './words.js';

export interface SheetData {
  readonly image: DecodedImage;
  readonly queries: PatchMaps;
  /** What words lean on, and how well text and image match. */
  readonly text?:
    | { readonly text: string; readonly words: WordMaps; readonly itm: number; readonly itc: number }
    | undefined;
}

/** Longest sides of the image by itself and under a map, and what is left free around them. */
const LARGE = 336;
const SMALL = 112;
const GAP = 16;
const COLUMNS = 8;

interface Tile {
  readonly image: DecodedImage;
  readonly labels: readonly string[];
}

/** One sheet: the image, a map for each query, and a map for each word where there is a text. */
export function drawSheet({ image, queries, text }: SheetData): DecodedImage {
  const large = shown(image, LARGE);
  const small = fit(large, SMALL);
  const painted = (maps: PatchMaps, labels: (map: number, peak: string) => readonly string[]): Tile[] =>
    queryMaps({ image, label: 'the image', maps }).map((map, i) => ({
      image: paintHeat(small, map),
      labels: labels(i, times(map.peak)),
    }));
  const byQuery = painted(queries, (i, peak) => [`query ${i + 1}`, peak]);
  const byWord = text
    ? painted(text.words, (i) => [text.words.words[i]!, `${Math.round(100 * text.words.shares[i]!)}%`])
    : [];
  const width = 2 * GAP + COLUMNS * (SMALL + GAP) - GAP;
  const head = text ? [text.text, `itm ${text.itm.toFixed(3)}  itc ${text.itc.toFixed(3)}`] : [];
  const top = GAP + large.height + GAP + head.length * LINE * 1.5;
  const rows = [
    { title: 'where each query looks: its strongest patch against an even share', tiles: byQuery },
    ...(text ? [{ title: 'where each word of the text leans when the two are matched', tiles: byWord }] : []),
  ];
  const tall = small.height + 2 * LINE + GAP;
  const sectionOf = (tiles: readonly Tile[]): number => LINE + GAP + Math.ceil(tiles.length / COLUMNS) * tall + GAP;
  const sheet = paper(width, Math.ceil(top + rows.reduce((sum, { tiles }) => sum + sectionOf(tiles), 0)));
  put(sheet, large, { x: GAP, y: GAP });
  for (const [i, line] of head.entries()) {
    write(sheet, line, { x: GAP, y: GAP + large.height + GAP / 2 + Math.ceil(i * LINE * 1.5) });
  }
  let y = Math.ceil(top);
  for (const { title, tiles } of rows) {
    write(sheet, title, { x: GAP, y });
    tiles.forEach(({ image, labels }, i) => {
      const at = { x: GAP + (i % COLUMNS) * (SMALL + GAP), y: y + LINE + GAP + Math.floor(i / COLUMNS) * tall };
      put(sheet, image, at);
      labels.forEach((label, l) => {
        write(sheet, label, { x: at.x, y: at.y + small.height + 4 + l * LINE, width: SMALL });
      });
    });
    y += sectionOf(tiles);
  }
  return sheet;
}

/** The image with its longer side `side` pixels long, small ones made larger. */
function shown(image: DecodedImage, side: number): DecodedImage {
  const scale = side / Math.max(image.width, image.height);
  const [width, height] = [image.width, image.height].map((x) => Math.max(1, Math.round(x * scale)));
  return resize(image, width!, height!);
}
