import type { Explanation } from '../explain.js';
import { embeddedImage, sizeWithin } from './images.js';
import { type Block, CONTENT, color, text } from './style.js';
import { element } from './svg.js';
import type { Typeface } from './typeface.js';

/** Longest side of the image. */
const COVER = 336;

/** The title of a sheet: the text, or what the maps are. */
export const titleOf = (explanation: Pick<Explanation, 'text'>): string =>
  explanation.text?.text ?? 'Cross-attention of each query';

/** The image, the title and the scores. */
export async function drawHead({ image, text: matched, queries }: Explanation, face: Typeface): Promise<Block> {
  const [width, height] = sizeWithin(image, COVER, COVER);
  const parts = [await embeddedImage(image, { width, height })];
  const left = width + 40;
  const room = CONTENT - left;
  const at = (y: number) => ({ x: left, y, maxWidth: room });
  let y = 12;
  parts.push(face.line('BLIP-2 · Image explanation', text.overline, at(y)));
  y += 14;
  for (const line of face.wrap(titleOf({ text: matched }), text.title, { width: room, lines: 4 })) {
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

/** With the sign that is as wide as a plus. */
const signed = (value: string): string => value.replace('-', '−');
