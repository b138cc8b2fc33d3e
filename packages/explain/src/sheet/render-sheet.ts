import { type DecodedImage, encodePng, resize } from '@blip2/data';
import { heatColors } from '@blip2/report';
import type { PatchMaps } from '../attention.js';
import type { Explanation } from '../explain.js';
import { type HeatScale, heatScale, paintMap, type RelativeMap, relativeMaps } from './heat-scale.js';
import { element, escapeXml } from './svg.js';
import { openTypeface, type TextStyle, type Typeface } from './typeface.js';

const WIDTH = 1080;
const MARGIN = 48;
const CONTENT = WIDTH - 2 * MARGIN;
const COVER = 336; // longest side of the image in the head
const DENSITY = 2; // embedded pixels to a unit of the drawing

const color = { paper: '#ffffff', ink: '#1d1b26', soft: '#6a6777', line: '#e3e1e9', bar: '#801a60' } as const;

const text = {
  overline: { size: 12, weight: 600, fill: color.bar },
  title: { size: 30, weight: 600, fill: color.ink },
  section: { size: 20, weight: 600, fill: color.ink },
  body: { size: 13, fill: color.soft },
  score: { size: 26, weight: 600, fill: color.ink },
  label: { size: 13, weight: 600, fill: color.ink },
  value: { size: 12, fill: color.soft },
} satisfies Record<string, TextStyle>;

/** A piece of the drawing and its height. */
interface Block {
  readonly svg: string;
  readonly height: number;
}

interface Tile {
  readonly map: RelativeMap;
  readonly label: string;
  readonly value: string;
  /** A bar under the label, 0 to 1. */
  readonly share?: number;
}

interface Section {
  readonly title: string;
  readonly description: readonly string[];
  readonly columns: number;
  readonly maps: PatchMaps;
  /** What the color bar shows. */
  readonly unit: string;
  readonly tiles: readonly Tile[];
}

/**
 * Draws an explanation as one SVG document, 1080 units wide: the image with its scores, the relevance of each word, and
 * the cross-attention of each query. Images are embedded as PNG, text is set as outlines of Inter, so that the drawing
 * needs no font; characters beyond Latin, Greek and Cyrillic become boxes, and nothing is set from right to left. The same
 * explanation gives the same bytes. In Node only.
 */
export async function renderSheet(explanation: Explanation): Promise<string> {
  const sections = sectionsOf(explanation);
  const words = explanation.text ? [explanation.text.text, ...explanation.text.words.words] : [];
  const face = await openTypeface([...words, LATIN]);
  const blocks = [await head(explanation, face)];
  for (const section of sections) blocks.push(await drawSection(section, explanation.image, face));
  let y = MARGIN;
  const placed = blocks.map(({ svg, height }) => {
    const moved = element('g', { transform: `translate(${MARGIN} ${Math.round(y)})` }, svg);
    y += height + MARGIN;
    return moved;
  });
  const height = Math.ceil(y);
  const description = descriptionOf(explanation);
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      ...{ width: WIDTH, height, viewBox: `0 0 ${WIDTH} ${height}` },
      ...{ role: 'img', 'aria-labelledby': 'title description' },
    },
    [
      element('title', { id: 'title' }, escapeXml(titleOf(explanation))),
      element('desc', { id: 'description' }, escapeXml(description)),
      element('defs', {}, `${ramp()}${element('clipPath', { id: 'round', ...relative }, rounded)}`),
      element('rect', { width: WIDTH, height, fill: color.paper }),
      ...placed,
    ].join('\n'),
  );
}

/** Opens the part of the typeface that labels need. */
const LATIN = 'Aa0×…−·';

const relative = { clipPathUnits: 'objectBoundingBox' } as const;
const rounded = element('rect', { width: 1, height: 1, rx: '0.025', ry: '0.025' });

const titleOf = (explanation: Explanation): string => explanation.text?.text ?? 'Cross-attention of each query';

function descriptionOf({ text: matched, queries }: Explanation): string {
  const count = queries.values.length / (queries.rows * queries.columns);
  const scores = matched && `ITM probability ${matched.itm.toFixed(3)}, ITC similarity ${matched.itc.toFixed(3)}. `;
  const words = matched?.words.words.map((word, i) => `${word} ${percent(matched.words.shares[i]!)}`).join(', ');
  return `${scores ?? ''}${words ? `Relevance of each word: ${words}. ` : ''}Cross-attention of ${count} queries.`;
}

function sectionsOf({ text: matched, queries, layer }: Explanation): Section[] {
  const layers = layer === undefined ? 'all cross-attention layers' : `cross-attention layer ${layer}`;
  const byQuery: Section = {
    title: 'Cross-attention of each query',
    description: [
      `Attention weights over ${queries.rows} × ${queries.columns} patches: the mean of the heads of ${layers}.`,
      "The number is the strongest patch's weight as a multiple of uniform attention.",
    ],
    columns: 8,
    maps: queries,
    unit: 'Multiple of uniform attention',
    tiles: relativeMaps(queries).map((map, i) => ({ map, label: `Query ${i + 1}`, value: times(map.peak) })),
  };
  if (!matched) return [byQuery];
  const { words } = matched;
  const byWord: Section = {
    title: 'Relevance of each word',
    description: [
      'Grad-CAM on the attention of the ITM pass: the patches through which a word raises the ITM logit.',
      "The percentage is the word's share of the relevance of all words.",
    ],
    columns: 6,
    maps: words,
    unit: 'Multiple of uniform relevance',
    tiles: relativeMaps(words).map((map, i) => ({
      ...{ map, label: words.words[i]!, value: percent(words.shares[i]!) },
      share: words.shares[i]!,
    })),
  };
  return [byWord, byQuery];
}

async function head({ image, text: matched, queries }: Explanation, face: Typeface): Promise<Block> {
  const [width, height] = sizeWithin(image, COVER, COVER);
  const parts = [await picture(image, { width, height })];
  const left = width + 40;
  const room = CONTENT - left;
  const at = (y: number) => ({ x: left, y, maxWidth: room });
  let y = 12;
  parts.push(face.line('BLIP-2 · Image explanation', text.overline, at(y)));
  y += 14;
  for (const line of face.wrap(titleOf({ image, queries, text: matched }), text.title, { width: room, lines: 4 })) {
    y += 36;
    parts.push(face.line(line, text.title, at(y - 8)));
  }
  const count = queries.values.length / (queries.rows * queries.columns);
  const facts = `${count} queries, ${queries.rows} × ${queries.columns} patches, image of ${image.width} × ${image.height} pixels`;
  y += 22;
  parts.push(face.line(facts, text.body, at(y)));
  if (matched) {
    const half = (room - 32) / 2;
    const scores = [
      { name: 'ITM probability', value: matched.itm, range: [0, 1] },
      { name: 'ITC similarity', value: matched.itc, range: [-1, 1] },
    ] as const;
    const top = Math.max(y + 40, height - 76);
    for (const [i, score] of scores.entries()) {
      parts.push(scoreBar(score, { x: left + i * (half + 32), y: top, width: half }, face));
    }
    y = top + 76;
  }
  return { svg: parts.join(''), height: Math.max(height, y) };
}

interface Score {
  readonly name: string;
  readonly value: number;
  readonly range: readonly [number, number];
}

/** A number with its place in its range. */
function scoreBar(
  { name, value, range: [low, high] }: Score,
  { x, y, width }: { x: number; y: number; width: number },
  face: Typeface,
): string {
  const at = (score: number): number => (width * (score - low)) / (high - low);
  const [from, to] = [at(Math.max(low, 0)), at(Math.min(high, Math.max(low, value)))];
  const bar = { y: 52, height: 6 };
  const zero = low < 0 ? element('rect', { x: from - 0.5, y: 48, width: 1, height: 14, fill: color.soft }) : '';
  return element(
    'g',
    { transform: `translate(${x} ${y})` },
    [
      face.line(name, text.body, { x: 0, y: 12 }),
      face.line(signed(value.toFixed(3)), text.score, { x: 0, y: 41 }),
      element('rect', { ...bar, width, rx: 3, fill: color.line }),
      element('rect', { ...bar, x: Math.min(from, to), width: Math.abs(to - from), rx: 3, fill: color.bar }),
      zero,
      face.line(signed(String(low)), text.value, { x: 0, y: 76 }),
      low < 0 ? face.line('0', text.value, { x: from, y: 76, align: 'center' }) : '',
      face.line(String(high), text.value, { x: width, y: 76, align: 'right' }),
    ].join(''),
  );
}

const GAP = 16;

async function drawSection(
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
    const drawn = (await picture(painted, { width, height })) + caption(tile, { y: height, width: side }, face);
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

function ramp(): string {
  const stops = heatColors.map((rgb, i) =>
    element('stop', { offset: i / (heatColors.length - 1), 'stop-color': `rgb(${rgb.join(',')})` }),
  );
  return element('linearGradient', { id: 'heat' }, stops.join(''));
}

/** Sides of an image made to fit into a rectangle. */
function sizeWithin({ width, height }: DecodedImage, maxWidth: number, maxHeight: number): [number, number] {
  const scale = Math.min(maxWidth / width, maxHeight / height);
  return [width * scale, height * scale];
}

function sized(image: DecodedImage, { width, height }: { width: number; height: number }): DecodedImage {
  const [w, h] = [Math.max(1, Math.round(width)), Math.max(1, Math.round(height))];
  return w === image.width && h === image.height ? image : resize(image, w, h);
}

/** An embedded image with round corners. */
async function picture(image: DecodedImage, { width, height }: { width: number; height: number }): Promise<string> {
  const png = await encodePng(sized(image, { width: width * DENSITY, height: height * DENSITY }));
  const href = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
  const drawn = element('image', { width, height, preserveAspectRatio: 'none', href, 'clip-path': 'url(#round)' });
  return (
    drawn + element('rect', { width, height, rx: 0.025 * width, ry: 0.025 * height, fill: 'none', stroke: color.line })
  );
}

/** With the sign that is as wide as a plus. */
const signed = (value: string): string => value.replace('-', '−');
const percent = (share: number): string => `${Math.round(100 * share)}%`;
const times = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)}×`;
