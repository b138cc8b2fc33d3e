import { type Picture, resize } from '@blip2/data';
import { times } from '../report/format.js';
import { paintHeat, queryMaps } from '../report/heat.js';
import { fit } from '../report/image.js';
import type { PatchMaps } from './attention.js';
import { LINE, paper, put, write } from './canvas.js';
import type { WordMaps } from './words.js';

export interface SheetData {
  readonly picture: Picture;
  readonly queries: PatchMaps;
  /** What words lean on, and how well text and picture match. */
  readonly text?:
    | { readonly text: string; readonly words: WordMaps; readonly itm: number; readonly itc: number }
    | undefined;
}

/** Longest sides of the picture by itself and under a map, and what is left free around them. */
const LARGE = 336;
const SMALL = 112;
const GAP = 16;
const COLUMNS = 8;

interface Tile {
  readonly picture: Picture;
  readonly labels: readonly string[];
}

/** One sheet: the picture, a map for each query, and a map for each word where there is a text. */
export function drawSheet({ picture, queries, text }: SheetData): Picture {
  const large = shown(picture, LARGE);
  const small = fit(large, SMALL);
  const painted = (maps: PatchMaps, labels: (map: number, peak: string) => readonly string[]): Tile[] =>
    queryMaps({ picture, label: 'the picture', maps }).map((map, i) => ({
      picture: paintHeat(small, map),
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
    tiles.forEach(({ picture, labels }, i) => {
      const at = { x: GAP + (i % COLUMNS) * (SMALL + GAP), y: y + LINE + GAP + Math.floor(i / COLUMNS) * tall };
      put(sheet, picture, at);
      labels.forEach((label, l) => {
        write(sheet, label, { x: at.x, y: at.y + small.height + 4 + l * LINE, width: SMALL });
      });
    });
    y += sectionOf(tiles);
  }
  return sheet;
}

/** The picture with its longer side `side` pixels long, small ones made larger. */
function shown(picture: Picture, side: number): Picture {
  const scale = side / Math.max(picture.width, picture.height);
  const [width, height] = [picture.width, picture.height].map((x) => Math.max(1, Math.round(x * scale)));
  return resize(picture, width!, height!);
}
