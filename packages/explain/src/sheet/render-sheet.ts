import { openTypeface } from '#platform';
import type { Explanation } from '../explain.js';
import { drawHead, titleOf } from './head.js';
import { relativeMaps } from './heat-scale.js';
import { colorGradient, drawSection, type Section } from './section.js';
import { color, MARGIN, WIDTH } from './style.js';
import { element, escapeXml } from './svg.js';

/**
 * Draws an explanation as one SVG document, 1080 units wide: the image with its scores, the relevance of each word, and
 * the cross-attention of each query. Images are embedded as PNG, text is set as outlines of Inter, so that the drawing
 * needs no font; characters beyond Latin, Greek and Cyrillic become boxes, and nothing is set from right to left. The same
 * explanation gives the same bytes. In a browser text stays text, in the font of the page.
 */
export async function renderSheet(explanation: Explanation): Promise<string> {
  const sections = sectionsOf(explanation);
  const words = explanation.text ? [explanation.text.text, ...explanation.text.words.words] : [];
  const face = await openTypeface([...words, LATIN]);
  const blocks = [await drawHead(explanation, face)];
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
      element('defs', {}, `${colorGradient()}${element('clipPath', { id: 'round', ...relative }, rounded)}`),
      element('rect', { width: WIDTH, height, fill: color.paper }),
      ...placed,
    ].join('\n'),
  );
}

/** Opens the part of the typeface that labels need. */
const LATIN = 'Aa0×…−·';

const relative = { clipPathUnits: 'objectBoundingBox' } as const;
const rounded = element('rect', { width: 1, height: 1, rx: '0.025', ry: '0.025' });

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

const percent = (share: number): string => `${Math.round(100 * share)}%`;
const times = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)}×`;
