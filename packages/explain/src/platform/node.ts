import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Font, Path } from 'opentype.js';
import { element } from '../sheet/svg.js';
import { type Setting, type TextStyle, type Typeface, typefaceOf, visible, type Weight } from '../sheet/typeface.js';

/** Rasterizes an SVG drawing as PNG, with so many pixels to a unit. */
export async function rasterize(svg: string, density: number): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp');
  return sharp(Buffer.from(svg), { density: 72 * density, unlimited: true })
    .png()
    .toBuffer();
}

/** Parts of Inter by script, the most frequent one first. */
const subsets = ['latin', 'latin-ext', 'greek', 'cyrillic', 'vietnamese', 'cyrillic-ext', 'greek-ext'] as const;

const weights: readonly Weight[] = [400, 600];

/**
 * Opens Inter with the scripts that `texts` need: Latin, Greek, Cyrillic and Vietnamese. Characters of other scripts become
 * boxes. In Node only, where the font's package lies on disk.
 */
export async function openTypeface(texts: readonly string[]): Promise<Typeface> {
  const wanted = new Set(texts.flatMap(visible));
  const fonts = new Map<Weight, Font[]>(weights.map((weight) => [weight, []]));
  for (const subset of subsets) {
    if (wanted.size === 0) break;
    for (const weight of weights) fonts.get(weight)!.push(await openFont(subset, weight));
    for (const char of wanted) if (hasGlyph(fonts.get(400)!.at(-1)!, char)) wanted.delete(char);
  }
  return typefaceOf(settingOf(fonts));
}

const hasGlyph = (font: Font, char: string): boolean => font.charToGlyphIndex(char) > 0;

const opened = new Map<string, Promise<Font>>();

function openFont(subset: string, weight: Weight): Promise<Font> {
  const name = `inter-${subset}-${weight}-normal.woff`;
  const known = opened.get(name) ?? readFont(name);
  opened.set(name, known);
  return known;
}

async function readFont(name: string): Promise<Font> {
  const library = await import('opentype.js');
  const bytes = await readFile(createRequire(import.meta.url).resolve(`@fontsource/inter/files/${name}`));
  const { parse } = 'default' in library ? (library.default as typeof library) : library; // CommonJS in Node
  return parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** What stands for a character that the font lacks, in ems. */
const BOX = { width: 0.6, left: 0.06, top: 0.72, stroke: 0.06 } as const;

function settingOf(fonts: ReadonlyMap<Weight, readonly Font[]>): Setting {
  const fontOf = (char: string, weight: Weight): Font | undefined =>
    fonts.get(weight)!.find((font) => hasGlyph(font, char));

  const advance = (char: string, { size, weight = 400 }: TextStyle): number => {
    const font = fontOf(char, weight);
    return size * (font ? font.charToGlyph(char).advanceWidth! / font.unitsPerEm : BOX.width);
  };

  return {
    width: (text, style) => visible(text).reduce((sum, char) => sum + advance(char, style), 0),
    draw(text, style, { x, y }) {
      let left = x;
      let d = '';
      for (const char of visible(text)) {
        const font = fontOf(char, style.weight ?? 400);
        d += font ? outline(font.charToGlyph(char).getPath(left, y, style.size)) : box(left, y, style.size);
        left += advance(char, style);
      }
      return d === '' ? '' : element('path', { d, fill: style.fill });
    },
  };
}

/** A path's data with two decimals. (The library's own drops the separator before a negative number that rounds to zero.) */
const outline = ({ commands }: Path): string =>
  commands
    .map((command) => {
      if (command.type === 'Z') return 'Z';
      const { x, y } = command;
      const controls = command.type === 'C' ? [command.x1, command.y1, command.x2, command.y2] : [];
      const control = command.type === 'Q' ? [command.x1, command.y1] : [];
      return command.type + [...controls, ...control, x, y].map(rounded).join(' ');
    })
    .join('');

const rounded = (value: number): number => Math.round(100 * value) / 100 + 0; // -0 is 0

/** The frame of a box as two rectangles, the inner one turned the other way, which leaves it empty. */
function box(x: number, y: number, size: number): string {
  const [left, right] = [x + BOX.left * size, x + (BOX.width - BOX.left) * size];
  const [top, stroke] = [y - BOX.top * size, BOX.stroke * size];
  const outer = `M${rounded(left)} ${rounded(y)}H${rounded(right)}V${rounded(top)}H${rounded(left)}Z`;
  const inner = `M${rounded(left + stroke)} ${rounded(y - stroke)}V${rounded(top + stroke)}H${rounded(right - stroke)}V${rounded(y - stroke)}Z`;
  return outer + inner;
}
